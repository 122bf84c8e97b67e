"""The two masters and the two slaves, ours and the predecessor's, behind one face; any pair makes a farm."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from piufarm.run import STDOUT, Child, clean_environment, run, spawn
from tests.support.accounts import Account
from tests.support.clone import PIUFARM
from tests.support.namespace import with_private_files
from tests.support.site import SECTION, SLAVE, FarmSite
from tests.support.wait import wait_until

REAL_ETC: Final = Path("/etc/piuparts")
REAL_MASTER: Final = Path("/usr/share/piuparts/piuparts-master")
REAL_SLAVE: Final = Path("/usr/share/piuparts/piuparts-slave")
_END_SECONDS: Final = 90  # a slave that finishes its test and flushes


def real_version() -> str:
    """The version of the predecessor's programs on this machine, such as 1.1.7; "none" without them."""
    shown = run(["dpkg-query", "--show", "--showformat=${Version}", "piuparts-master"], check=False)
    return shown.stdout.decode().partition("~")[0] or "none"


def pytest_report_header() -> str:
    """Say at the start of each run which predecessor runs beside ours."""
    return f"peers: piuparts {real_version()}"


class Master(Protocol):
    """The master's side: what sshd runs for a session, and how it learns that the archive has changed."""

    def session(self, site: FarmSite, slave: str = SLAVE) -> Sequence[str | Path]: ...
    def refresh(self, site: FarmSite) -> None: ...


class OurMaster:
    """`piufarm master`."""

    def session(self, site: FarmSite, slave: str = SLAVE) -> Sequence[str | Path]:
        return [PIUFARM, "master", "session", "--slave", slave, "--config", site.configuration]

    def refresh(self, site: FarmSite) -> None:
        run([PIUFARM, "master", "refresh", "--config", site.configuration, SECTION])

    def check(self, site: FarmSite, *options: str) -> str:
        """What `fsck` has to say of store and log files; raises CommandFailed if something is wrong with them."""
        checked = run([PIUFARM, "master", "fsck", "--deep", *options, "--config", site.configuration, SECTION])
        return checked.stdout.decode()


class RealMaster:
    """piuparts-master: every session fetches the archive's indexes itself."""

    def session(self, site: FarmSite, slave: str = SLAVE) -> Sequence[str | Path]:
        return with_private_files({REAL_ETC: site.etc}, [REAL_MASTER])

    def refresh(self, site: FarmSite) -> None:
        pass


@dataclass
class RunningSlave:
    """A slave at work."""

    process: Child
    output: Path

    @property
    def said(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace")

    def interrupt(self) -> None:
        """Ctrl-C, once."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """The end that no program can prepare for."""
        self.process.kill()
        self.process.wait()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def end(self) -> int:
        """Wait for its end; returns the exit status."""
        wait_until(self.has_ended, "the end of the slave", seconds=_END_SECONDS)
        return self.process.returncode


class Slave(Protocol):
    """The slave's side: starts a process that works until it is told to end."""

    def configure(self, site: FarmSite) -> None: ...
    def start(self, site: FarmSite) -> RunningSlave: ...


class OurSlave:
    """`piufarm slave run`, with our own tester; several of them need names and numbers of their own."""

    def __init__(self, name: str = SLAVE, number: int = 1) -> None:
        self.name, self.number = name, number

    def configure(self, site: FarmSite) -> None:
        site.configure()

    def start(self, site: FarmSite) -> RunningSlave:
        home = site.directory / f"home-{self.name}"
        (home / ".ssh").mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / ".ssh" / "config").write_text(site.door.client_config(site.door.identity(self.name)))
        words = ("--number", str(self.number), "--config", str(site.configuration))
        return _start(site, [PIUFARM, "slave", "run", *words], site.slave_directory, self.name, HOME=str(home))


@dataclass(frozen=True)
class UnprivilegedSlave:
    """`piufarm slave run` as an account without rights, its chroots by schroot; root has set that up beforehand."""

    account: Account
    clone: Path  # that the account can read

    def configure(self, site: FarmSite) -> None:
        site.configure({"chroot-backend": "schroot"})

    def set_up(self, site: FarmSite) -> None:
        """What an administrator does once, as root."""
        mirror = f"{site.mirror.url} main"
        sources = ("--mirror", mirror, "--keyring", str(site.archive.keyring), "--tarball", str(site.base.path))
        places = ("--directory", str(site.directory / "schroot"), "--schroot-conf", str(self._schroot_conf(site)))
        run([PIUFARM, "slave", "setup-schroot", SECTION, "--user", self.account.name, *sources, *places])

    def start(self, site: FarmSite) -> RunningSlave:
        home = site.directory / "home"
        home.mkdir(exist_ok=True)
        key = home / "key"
        shutil.copy(site.door.identity(SLAVE), key)
        client = site.directory / "ssh_config"
        client.write_text(site.door.client_config(key))
        for place in (home, key, site.slave_directory):
            os.chown(place, self.account.uid, self.account.gid)
        files = {Path("/etc/schroot/chroot.d"): self._schroot_conf(site), Path("/etc/ssh/ssh_config"): client}
        own = (f"HOME={home}", f"PIUFARM_CACHE={home / 'cache'}")
        program = (str(self.clone / "bin" / "piufarm"), "slave", "run", "--config", str(site.configuration))
        return _start(site, with_private_files(files, [*self.account.prefix, *own, *program]), home, SLAVE)

    def _schroot_conf(self, site: FarmSite) -> Path:
        folder = site.directory / "chroot.d"
        folder.mkdir(exist_ok=True)
        return folder


class RealSlave:
    """piuparts-slave, with the real piuparts as its tester."""

    def configure(self, site: FarmSite) -> None:
        site.configure({"piuparts-command": f"piuparts --scriptsdir {site.trusting_scripts()}", "debug": "yes"})

    def start(self, site: FarmSite) -> RunningSlave:
        client = site.directory / "ssh_config"
        client.write_text(site.door.client_config(site.door.identity(SLAVE)))
        files = {REAL_ETC: site.etc, Path("/etc/ssh/ssh_config"): client}
        work = site.slave_directory / "1"
        work.mkdir(exist_ok=True)
        return _start(site, with_private_files(files, [REAL_SLAVE]), work, SLAVE)


class RealSlaveWithOurTester(RealSlave):
    """piuparts-slave, told to test with `piufarm test`; given suites, it upgrades packages from one to the next."""

    def __init__(self, suites: Sequence[str] = (), meta: str = "") -> None:
        self.suites, self.meta = suites, meta  # meta: the file for -S and -B

    def configure(self, site: FarmSite) -> None:
        command = f"{PIUFARM} test --compat --keyring {site.archive.keyring}"
        section = {"upgrade-test-distros": " ".join(self.suites), "chroot-meta-auto": self.meta} if self.suites else {}
        site.configure({"piuparts-command": command, "debug": "yes"}, section)


def _start(site: FarmSite, argv: Sequence[str | Path], work: Path, name: str, **extra: str) -> RunningSlave:
    output = site.directory / f"{name}.out"
    with output.open("ab") as stream:
        environment = clean_environment(PIUFARM_CACHE=os.environ["PIUFARM_CACHE"], **extra)
        process = spawn(argv, cwd=work, stdout=stream, stderr=STDOUT, env=environment)
    return RunningSlave(process, output)


@contextmanager
def running(slave: Slave, site: FarmSite) -> Iterator[RunningSlave]:
    """A slave that works while the block runs; what is left of it then is interrupted, at last killed."""
    worker = slave.start(site)
    try:
        yield worker
    except BaseException:
        print(worker.said[-8000:])  # pytest shows it with the failure
        raise
    finally:
        if not worker.has_ended():
            worker.interrupt()
            try:
                worker.process.wait(_END_SECONDS)
            finally:
                worker.kill()
