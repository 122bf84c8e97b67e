"""The demo's farm: set up in one folder, run until nothing is left to test, and every part of it ended with it."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from demo.archive import SignedArchive
from demo.choice import choose
from demo.display import Display
from demo.folder import SAMPLES, Folder, Plan, write_configuration
from demo.keys import merged_keyring
from demo.programs import Programs, StepFailed
from demo.samples import SUITE, samples, updated_samples
from demo.server import ArchiveServer, serve
from demo.sshd import SshServer, free_port, make_key, ssh_server
from demo.watch import RoundResult, Watch
from piufarm.archive.cache import IndexCache
from piufarm.archive.mirror import Mirror, default_mirror
from piufarm.archive.suite import section_packages
from piufarm.archive.trust import host_keyrings
from piufarm.config.distros import load_distros
from piufarm.config.load import load
from piufarm.errors import UsageError
from piufarm.files import atomic_write
from piufarm.names import SectionName

_SLAVE: Final = "demo"
_POLL_SECONDS: Final = 0.2
_WAITING: Final = ("waiting-to-be-tested", "waiting-for-dependency-to-be-tested")


@dataclass(frozen=True)
class Wish:
    """What the user asks for."""

    suite: str | None
    packages: Sequence[str]
    count: int
_HELD_UP: Final = ("dependency-failed-testing", "dependency-cannot-be-tested", "dependency-does-not-exist")


class DemoFarm:
    """A farm in a folder; use it within `with`, which ends whatever it started."""

    def __init__(self, folder: Folder, wish: Wish, display: Display) -> None:
        self.folder = folder
        self.wish = wish
        self.display = display
        self.programs = Programs(folder)
        self.watch = Watch(folder.events)

    def run(self) -> RoundResult:
        """Set up or resume, test until nothing is left, render the site. Raises PiufarmError."""
        self.folder.make()
        with ExitStack() as stack:
            stack.enter_context(_only_one(self.folder.path))
            resumed = self._begin_round()
            archive = SignedArchive(self.folder.archive)
            ports = _remembered_ports(self.folder.path)
            server = stack.enter_context(serve(archive.www, port=free_port(ports.get("archive"))))
            ssh = stack.enter_context(ssh_server(self.folder.ssh, preferred_port=ports.get("ssh")))
            _remember_ports(self.folder.path, archive=server.port, ssh=ssh.port)
            total = self._configure(archive, server, ssh, resumed)
            self._let_slave_in(ssh)
            server.on_request = self._change_the_archive_once(archive)
            result = self._test(total)
            with self.display.busy("rendering the site"):
                self.programs.piufarm("report")
        return result

    def _begin_round(self) -> bool:
        """Whether an interrupted round goes on. A round that is over is put aside: the packages are tested anew."""
        if not self.folder.config.exists() or not any(self.folder.master.iterdir()):
            return False
        sections = self.programs.status()
        if not all(section["total"] for section in sections):
            return False  # stopped before the archives were read
        if _waiting(sections):
            self.display.step("going on where the last run was stopped")
            return True
        previous = self.folder.path / "previous-master"
        shutil.rmtree(previous, ignore_errors=True)
        self.folder.master.rename(previous)
        shutil.rmtree(self.folder.slave, ignore_errors=True)
        self.folder.make()
        self.display.step("everything was tested here before: testing it again, with warm caches")
        return False

    def _configure(self, archive: SignedArchive, server: ArchiveServer, ssh: SshServer, resumed: bool) -> int:
        """Write the configuration and let the master read the archives; returns the number of packages to test."""
        keyring = self.folder.archive / "samples-keyring.gpg"
        atomic_write(keyring, merged_keyring([*host_keyrings(), archive.keyring]), durable=False)
        mirror = self._mirror()
        plan = Plan(mirror, mirror.suite, (), ssh.port, server.port, keyring)
        write_configuration(self.folder, plan)
        with self.display.busy(f"reading the archive's index of {mirror.suite}"):
            plan = replace(plan, packages=self._choice(mirror.suite))
        write_configuration(self.folder, plan)
        if not resumed:
            archive.publish(SUITE, samples())
            with self.display.busy("master refresh: packages, dependencies, states"):
                self.programs.piufarm("master", "refresh")
        return len(plan.packages) + len(samples())

    def _mirror(self) -> Mirror:
        mirror = default_mirror()
        return replace(mirror, suite=self.wish.suite) if self.wish.suite else mirror

    def _choice(self, suite: str) -> Sequence[str]:
        if suite == SAMPLES:
            raise UsageError(f"--suite {suite}: that is the name of the demo's own section")
        configuration = load(self.folder.config)
        section = configuration.sections[SectionName(suite)]
        distros = load_distros(config=configuration.path)
        index = section_packages(section, distros, suite, IndexCache(self.folder.cache / "indexes"))
        return choose(index, named=self.wish.packages, count=self.wish.count)

    def _let_slave_in(self, ssh: SshServer) -> None:
        """The key of the slave into the master's authorized_keys, the key of the host into the slave's known hosts."""
        public = make_key(self.folder.home / ".ssh" / "id_ed25519", "slave of the demo")
        self.programs.piufarm(
            "master", "add-slave", _SLAVE, public, "--authorized-keys", ssh.authorized_keys, "--replace"
        )
        host = f"{ssh.host}:{ssh.port}"
        (self.folder.slave / "known-hosts").unlink(missing_ok=True)
        self.programs.piufarm("slave", "trust", host, "--fingerprint", ssh.fingerprint)
        self.display.step(f"sshd on {host}; the slave's key may run `piufarm master session --slave {_SLAVE}` only")

    def _change_the_archive_once(self, archive: SignedArchive) -> Callable[[str], None]:
        """Replaces a sample in the archive as soon as the slave has reserved it and looks at the archive again."""
        changed = False
        watch = Watch(self.folder.events)
        watch.skip_the_past()

        def change(path: str) -> None:
            nonlocal changed
            if not changed and path.endswith("/InRelease") and watch.reserved_is_updated_sample():
                changed = True
                archive.publish(SUITE, updated_samples())

        return change

    def _test(self, total: int) -> RoundResult:
        self.watch.skip_the_past()
        self.display.step(f"testing {total} packages; the slave's own words are in {self.folder.slave_log}")
        with ExitStack() as stack:
            slave = stack.enter_context(self.programs.slave("--json-events", self.folder.events))
            stack.enter_context(self.display.following(self.watch, total))
            while True:
                time.sleep(_POLL_SECONDS)
                for package in self.watch.update():
                    self.display.ended(package)
                if slave.poll() is not None:
                    raise StepFailed(
                        f"the slave ended with status {slave.returncode}", hint=f"see {self.folder.slave_log}"
                    )
                if self.watch.is_idle and not _waiting(self.programs.status()):
                    break
        packages = [package for package in self.watch.packages.values() if package.outcome is not None]
        held_up = _held_up(self.programs.status())
        return RoundResult(packages, self.watch.testing_seconds, tuple(self.watch.troubles), held_up)


def _held_up(sections: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Packages that nobody will test before something else changes, by state."""
    numbers = {state: sum(section["states"][state] for section in sections) for state in _HELD_UP}
    return {state: number for state, number in numbers.items() if number}


def _waiting(sections: Sequence[Mapping[str, Any]]) -> int:
    """How many packages still have to be tested, or are being tested."""
    return sum(section["states"][state] for section in sections for state in _WAITING)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold the folder's lock. Raises UsageError if another demo has it."""
    with (path / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"another demo runs in {path}", hint="give this one its own: --folder DIR") from error
        yield


def _remembered_ports(path: Path) -> dict[str, int]:
    """The ports of the last run: with the same ones, what is cached by URL stays useful."""
    try:
        ports: dict[str, int] = json.loads((path / "ports.json").read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return ports


def _remember_ports(path: Path, **ports: int) -> None:
    atomic_write(path / "ports.json", json.dumps(ports))
