"""Packages that mean harm: what they do ends with the chroot, on both backends."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from piufarm.run import spawn
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import ChrootLimits, CommandLimits, CommandResult, Limit
from piufarm.slave.chroot.supervised import SupervisedChroot
from tests.slave.chroot.conftest import LIMITS, Opener
from tests.slave.chroot.namespaces import Traces
from tests.support.wait import wait_until

CAP_SYS_MODULE: Final = 16
CAP_SYS_PTRACE: Final = 19
CAP_SYS_ADMIN: Final = 21
_SMALL: Final = ChrootLimits(disk_bytes=32 << 20, memory_bytes=64 << 20, processes=100)


def shell(chroot: SupervisedChroot, script: str, **limits: float) -> CommandResult:
    """Run a script as a maintainer script would run."""
    used = CommandLimits(**{"seconds": 60, **limits})  # type: ignore[arg-type]  # both are numbers
    return chroot.run(["sh", "-c", script], env=CHROOT_ENVIRONMENT, limits=used)


@contextmanager
def hostile(opener: Opener, limits: ChrootLimits = LIMITS) -> Iterator[SupervisedChroot]:
    """A chroot that has to serve until its end, and of which nothing may be left then."""
    with opener(limits) as chroot:
        traces = Traces.of(chroot.host_pid, chroot.root)
        yield chroot
        chroot.kill_processes()
        assert chroot.processes() == []
        chroot.put("/last-words", b"still here")
        assert chroot.read("/last-words") == b"still here"
    traces.must_be_gone()


@pytest.fixture
def bystander() -> Iterator[int]:
    """A process of the host, with a name to look for."""
    process = spawn(["sleep", "98765.4321"])
    yield process.pid
    assert process.poll() is None, "the host's process is gone"
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killing_everything_leaves_the_supervisor_at_work(opener: Opener) -> None:
    with hostile(opener) as chroot:
        for name in ("KILL", "STOP", "TERM", "INT", "HUP", "CHLD", "PIPE", "ALRM", "USR1"):
            assert shell(chroot, f"kill -{name} 1; kill -{name} -1; true").status == 0
        assert shell(chroot, "echo alive").output == b"alive\n"


def test_a_fork_bomb_hits_the_limit_of_processes(opener: Opener) -> None:
    with hostile(opener, _SMALL) as chroot:
        bomb = shell(chroot, "f() { f | f & wait; exit 1; }; f", seconds=20)
        assert bomb.stopped_by is Limit.PROCESSES
        chroot.kill_processes()
        assert shell(chroot, "echo alive").output == b"alive\n"


def test_a_memory_eater_hits_the_limit_of_memory(opener: Opener) -> None:
    with hostile(opener, _SMALL) as chroot:
        eater = chroot.run(["perl", "-e", "my @x; push @x, 'x' x (1 << 20) while 1"], env=CHROOT_ENVIRONMENT)
        assert (eater.status, eater.stopped_by) == (-signal.SIGKILL, Limit.MEMORY)


def test_a_disk_filler_hits_the_limit_of_the_disk(opener: Opener) -> None:
    with hostile(opener, _SMALL) as chroot:
        filler = shell(chroot, "dd if=/dev/zero of=/full bs=1M 2> /dev/null; echo never > /other || exit 1")
        assert (filler.status, filler.stopped_by) == (1, Limit.DISK)
        chroot.remove("/full")


def test_a_flood_of_output_is_cut_at_the_limit(opener: Opener) -> None:
    with hostile(opener) as chroot:
        flood = shell(chroot, "yes", output_bytes=1_000_000)
        assert (len(flood.output), flood.stopped_by) == (1_000_000, Limit.OUTPUT)


def test_a_command_that_takes_too_long_ends_with_its_family(opener: Opener) -> None:
    with hostile(opener) as chroot:
        slow = shell(chroot, "echo begun; trap '' TERM; setsid sleep 1000 & sleep 1000", seconds=0.5)
        assert (slow.output, slow.stopped_by) == (b"begun\n", Limit.TIME)
        assert chroot.processes() == []


@pytest.mark.parametrize(
    "script",
    [
        "mount -t tmpfs none /mnt",
        "mount --bind /etc /mnt",
        "mount -o remount,rw /proc/sys",
        "mount -o remount,dev /",
        "umount /proc/sys",
        "umount -l /proc",
        "unshare --mount true",
        "unshare --pid --fork true",
        "unshare --user true",
        "unshare --user --map-root-user --mount mount -t tmpfs none /mnt",
        "nsenter --mount=/proc/1/ns/mnt true",
        "nsenter --net=/proc/1/ns/net true",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo 1 > /proc/sys/vm/drop_caches",
        "echo b > /proc/sysrq-trigger",
        "echo 1000 > /proc/1/oom_score_adj",
        "chmod 600 /dev/null",
        "rm /dev/null",
        "mknod /x b 7 0 && dd if=/x of=/dev/null count=1",
        "mknod /x c 1 1 && dd if=/x of=/dev/null count=1",
        "mknod /dev/shm/x c 1 3 && : > /dev/shm/x",
        "mknod /dev/x c 1 3 && : > /dev/x",
        "head -c 1 /proc/kcore | grep -q .",
        "dmesg",
        "hostname elsewhere",
        "chattr +i /etc/passwd",
        "readlink /proc/1/fd/0",
        "cat < /proc/1/fd/0",
        "echo forged > /proc/1/fd/1",
        "cat /proc/1/environ",
        "dd if=/proc/1/mem of=/dev/null count=1",
        "ls /proc/1/root/",
        "ls /proc/1/cwd/",
        "date --set 2001-01-01",
        "ls /sys/kernel",
        "mkdir /run/c && mount -t cgroup2 none /run/c",
        "mount -t overlay none /mnt -o lowerdir=/etc",
        "mount -t binfmt_misc none /mnt",
        "mknod /x c 0 0",
        "setfattr -n trusted.overlay.opaque -v y /etc || perl -e 'exit(syscall(188, q(/etc), q(trusted.overlay.opaque),"
        " q(y), 1, 0) == 0 ? 0 : 1)'",
        "ls /proc/1/map_files/",
        "cat /proc/1/maps",
        "echo 999999 > /proc/sys/kernel/pid_max",
        "insmod /boot/none.ko",
        "swapon /etc/passwd",
    ],
)
def test_what_only_the_host_may_do_is_refused(opener: Opener, script: str) -> None:
    with hostile(opener) as chroot:
        assert shell(chroot, f"exec 2> /dev/null; {script}").status != 0


def test_the_supervisor_cannot_be_traced(opener: Opener) -> None:
    attach = 'exit(syscall(101, 16, 1, 0, 0) == -1 ? 0 : 1)' if os.uname().machine == "x86_64" else "exit 0"
    take = "my $p = syscall(434, 1, 0); exit 1 if $p < 0; exit(syscall(438, $p, 0, 0) == -1 ? 0 : 1)"
    with hostile(opener) as chroot:
        for program in (attach, take):
            assert chroot.run(["perl", "-e", program], env=CHROOT_ENVIRONMENT).status == 0


def test_a_command_inherits_nothing_but_its_output(opener: Opener) -> None:
    with hostile(opener) as chroot:
        links = shell(chroot, "readlink /proc/$$/fd/*").output.decode().split()
        assert [link.partition(":")[0] for link in links] == ["/dev/null", "pipe", "pipe"]
        rights = shell(chroot, "grep CapBnd /proc/self/status").output.split()[1]
        assert int(rights, 16) & (1 << CAP_SYS_ADMIN | 1 << CAP_SYS_PTRACE | 1 << CAP_SYS_MODULE) == 0
        shown = chroot.run(["env"], env=CHROOT_ENVIRONMENT).output.decode()
        assert dict(line.split("=", 1) for line in shown.splitlines()) == CHROOT_ENVIRONMENT


def test_the_keys_of_the_hosts_root_are_out_of_reach(opener: Opener) -> None:
    read = "$! = 0; exit(syscall(250, 11, -4, 0, 0, 0) == -1 && $! == 1 ? 0 : 1)"  # KEYCTL_READ of root's keyring
    with hostile(opener) as chroot:
        if os.uname().machine == "x86_64":
            assert chroot.run(["perl", "-e", read], env=CHROOT_ENVIRONMENT).status == 0


ESCAPE: Final = """
mkdir "/jail"; chdir "/"; chroot "/jail" or die; chdir ".." for 1 .. 100; chroot "." or die;
exec "/bin/sh", "-c", "ls -a /; cat /proc/1/cmdline; cat $ARGV[0]"
"""


def test_a_double_chroot_leads_nowhere(opener: Opener, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the host's secret")
    with hostile(opener) as chroot:
        escaped = chroot.run(["perl", "-e", ESCAPE, str(secret)], env=CHROOT_ENVIRONMENT)
        assert b"secret" not in escaped.output.replace(str(secret).encode(), b"")
        assert b"jail" in escaped.output  # it is still in the same root


def test_processes_of_the_host_are_neither_seen_nor_reached(opener: Opener, bystander: int) -> None:
    with hostile(opener) as chroot:
        seen = shell(chroot, "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n'; kill -9 $(seq 2 400) 2> /dev/null; true")
        assert b"98765.4321" not in seen.output
        killed = shell(chroot, f"kill -9 {bystander}")
        assert killed.status != 0


def test_the_host_has_no_network_in_there(opener: Opener) -> None:
    with hostile(opener) as chroot:
        devices = shell(chroot, "cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '").output.split()
        assert b"lo" in devices
        assert not {name for name in devices if name.startswith((b"e", b"w"))}
        outside = "use IO::Socket::INET; exit(IO::Socket::INET->new(PeerAddr => '192.0.2.1:80', Timeout => 5) ? 1 : 0)"
        assert chroot.run(["perl", "-e", outside], env=CHROOT_ENVIRONMENT).status == 0


DAEMON: Final = "exit if fork; use POSIX; POSIX::setsid(); exit if fork; %s sleep 100000"


@pytest.mark.parametrize("closes", ["", "POSIX::close($_) for 0 .. 20;"])
def test_a_daemon_holds_nobody_up_and_is_seen(opener: Opener, closes: str) -> None:
    with hostile(opener) as chroot:
        started = chroot.run(["perl", "-e", DAEMON % closes], env=CHROOT_ENVIRONMENT)
        assert (started.status, started.stopped_by) == (0, None)
        assert started.seconds < 30
        wait_until(lambda: len(chroot.processes()) == 1, "the forks on the way to the daemon to end")
        (daemon,) = chroot.processes()
        assert (daemon.ppid, daemon.uid, daemon.executable) == (1, 0, "/usr/bin/perl")
        assert "sleep 100000" in daemon.command


def test_an_immutable_file_does_not_outlive_the_chroot(opener: Opener) -> None:
    with hostile(opener) as chroot:
        shell(chroot, "touch /etc/rock; chattr +i /etc/rock; chattr +a /var/log; true")


def test_a_deep_tree_is_told_by_its_top(opener: Opener) -> None:
    dig = 'for (1 .. 3000) { mkdir "d" x 50 or die; chdir "d" x 50 or die } open F, ">bottom"'
    with hostile(opener) as chroot:
        assert shell(chroot, f"mkdir /srv/deep && cd /srv/deep && perl -e '{dig}'").status == 0
        changes = chroot.changes()
        assert f"/srv/deep/{'d' * 50}" in changes.after


def test_odd_names_are_told_as_they_are(opener: Opener) -> None:
    names = [b"new\nline", b"not-utf8-\xff\xfe", b"tab\t", b" ", b"-rf", b"\x1b[31m", "häßlich".encode(), b"a" * 255]
    with hostile(opener) as chroot:
        shell(chroot, "mkdir /srv/odd")
        for name in names:
            chroot.put(os.fsdecode(b"/srv/odd/" + name), b"content of " + name)
        found = {os.fsencode(path) for path in chroot.changes().after}
        assert {b"/srv/odd/" + name for name in names} <= found
        assert chroot.read(os.fsdecode(b"/srv/odd/" + names[1])) == b"content of " + names[1]


def test_the_supervisor_works_on_when_everything_is_deleted(opener: Opener) -> None:
    with hostile(opener) as chroot:
        shell(chroot, "exec 2> /dev/null; rm -rf --no-preserve-root /")
        assert chroot.run(["/bin/true"], env=CHROOT_ENVIRONMENT).status == 127
        changes = chroot.changes()
        assert "/usr/bin/perl" in changes.before
        assert changes.after.keys() <= {"/", "/dev", "/proc"}
        assert chroot.processes() == []


def test_replaced_programs_and_modules_are_not_what_the_supervisor_runs(opener: Opener) -> None:
    trap = b"#!/usr/bin/touch /trapped\n"
    with hostile(opener) as chroot:
        shell(chroot, "for it in $(find / -xdev -name '*.pm'); do echo 'system q(touch /trapped); 1' > $it; done")
        shell(chroot, "sleep 1000 &")
        for name in ("perl", "sh", "dash", "bash", "kill", "ps", "ls", "mount", "setpriv", "unshare", "cat", "rm"):
            chroot.put(f"/usr/bin/{name}", trap, mode=0o755)
        assert [process.command for process in chroot.processes()] == ["sleep 1000"]
        assert "/usr/bin/perl" in chroot.changes().after
        chroot.kill_processes()
        assert chroot.run(["/no/such/program"], env=CHROOT_ENVIRONMENT).status == 127
        assert not chroot.exists("/trapped")
        chroot.run(["sh"], env=CHROOT_ENVIRONMENT)
        assert chroot.exists("/trapped"), "the trap works, but only those of the test step into it"


def test_the_supervisor_loads_nothing_once_the_test_has_begun(opener: Opener) -> None:
    def mapped() -> set[str]:
        lines = Path(f"/proc/{chroot.host_pid}/maps").read_text().splitlines()
        return {line.split()[-1] for line in lines if "/" in line}

    with hostile(opener) as chroot:
        before = mapped()
        assert any(name.endswith("/perl") for name in before)
        shell(chroot, "sleep 1000 & echo x; exit 3")
        chroot.put("/srv/ä", b"x")
        chroot.read("/srv/none")
        chroot.changes()
        chroot.processes()
        chroot.kill_processes()
        shell(chroot, "sleep 1000", seconds=0.1)
        assert mapped() == before


def test_a_planted_link_is_replaced_and_not_followed(opener: Opener) -> None:
    with hostile(opener) as chroot:
        shell(chroot, "ln -s /etc/passwd /tmp/trap; mkfifo /tmp/pipe; mkdir /tmp/directory")
        chroot.put("/tmp/trap", b"mine", mode=0o755)
        assert chroot.read("/tmp/trap") == b"mine"
        assert b"root:" in (chroot.read("/etc/passwd") or b"")
        assert (chroot.read("/tmp/pipe"), chroot.read("/tmp/directory"), chroot.read("/none")) == (None, None, None)
        assert chroot.entries(["/tmp/trap"])["/tmp/trap"].mode == 0o100755


def test_a_root_that_is_its_own_etc_confuses_nobody(opener: Opener) -> None:
    with hostile(opener) as chroot:
        shell(chroot, "mv /etc /etc.old; ln -s / /etc; ln -s loop /loop")
        chroot.put("/etc/file", b"in the root")
        assert chroot.read("/file") == b"in the root"
        changes = chroot.changes()
        assert {"/etc", "/etc.old/passwd", "/loop", "/file"} <= changes.after.keys()
        assert changes.after["/etc"].target == "/"


def test_a_file_larger_than_any_memory_is_neither_read_nor_summed_up(opener: Opener) -> None:
    with hostile(opener) as chroot:
        script = "truncate -s 60T /huge; truncate -s 10G /sparse; head -c 90M /dev/zero > /large; printf right > /small"
        assert shell(chroot, script).status == 0
        for path in ("/huge", "/sparse"):
            assert (chroot.read(path), chroot.md5(path)) == (None, None)
        assert chroot.read("/large") is None
        assert chroot.md5("/large") == hashlib.md5(bytes(90 << 20)).hexdigest()
        assert (chroot.read("/small"), chroot.md5("/small")) == (b"right", "7c4f29407893c334a6cb7a87bf045c0d")


def test_a_flood_of_files_hits_the_limit_of_the_disk(opener: Opener) -> None:
    with hostile(opener, _SMALL) as chroot:
        maker = "my $n; while (1) { symlink 'x', '/'.$n++ or die qq(after $n\\n) }"
        flood = chroot.run(["perl", "-e", maker], env=CHROOT_ENVIRONMENT, limits=CommandLimits(seconds=120))
        assert (flood.status != 0, flood.stopped_by) == (True, Limit.DISK)
        chroot.remove("/0")


def test_commands_may_open_the_usual_number_of_files_and_raise_it(opener: Opener) -> None:
    with hostile(opener) as chroot:
        hard = int(shell(chroot, "ulimit -Hn").output)
        assert int(shell(chroot, "ulimit -Sn").output) == min(1024, hard)
        assert int(shell(chroot, f"ulimit -Sn {hard} && ulimit -Sn").output) == hard
