"""What changed, read from the overlay's upper layer: always the same as two walks of the whole tree would tell."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Changes, CommandLimits
from piufarm.slave.chroot.launch import chroot_name, launch
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.chroot.tree import compare, index_tree
from piufarm.slave.chroot.upper import UpperLayer
from tests.slave.chroot.conftest import LIMITS, Opener
from tests.slave.chroot.test_hostile import shell

_NAMES: Final = ("a", "b", "c", "lib", "lib/x", "lib/y", "lib/sub", "lib/sub/deep", "share", "share/x", "link", "new")
_TOP: Final = "/playground"
SETCAP: Final = Path("/usr/sbin/setcap")

paths = st.sampled_from(_NAMES).map(lambda name: f"{_TOP}/{name}")
operations = st.one_of(
    st.tuples(st.just("rm -rf"), paths),
    st.tuples(st.just("mkdir -p"), paths),
    st.tuples(st.just("touch"), paths),
    st.tuples(st.sampled_from(["mv -T", "mv", "cp -a", "ln", "ln -s", "ln -sfn"]), paths, paths),
    st.tuples(st.sampled_from(["chmod 700", "chown 1:2", "append", "mkfifo", "rmdir"]), paths),
)


# Nobody reads from pipes: who opened one to write would wait for ever.
_APPEND: Final = 'append() { test -p "$1" || echo more >> "$1"; }'


def script_of(steps: Sequence[tuple[str, ...]]) -> str:
    """A shell script that does these operations."""
    return "\n".join([_APPEND, *(f"{command} {shlex.join(words)}" for command, *words in steps)])


@pytest.fixture(scope="module")
def playground(plain_base: PreparedBase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small tree with the base's programs and some objects to play with."""
    root = tmp_path_factory.mktemp("playground")
    for name in ("proc", "dev", "sys", "tmp", "playground"):
        (root / name).mkdir()
    for name in ("bin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    for program in ("bin", "lib/x86_64-linux-gnu", "lib64"):
        source = plain_base.root / "usr" / program
        if source.is_dir():
            (root / "usr" / program).parent.mkdir(parents=True, exist_ok=True)
            _link_files(source, root / "usr" / program)
    top = root / "playground"
    (top / "lib/sub/deep").mkdir(parents=True)
    (top / "share").mkdir()
    for name in ("a", "lib/x", "lib/y", "lib/sub/file", "lib/sub/deep/file", "share/x"):
        (top / name).write_text(name)
    (top / "link").symlink_to("lib")
    return root


def _link_files(source: Path, target: Path) -> None:
    target.mkdir()
    for path in source.iterdir():
        if path.is_file() and not path.is_symlink() and path.stat().st_size < 4_000_000:
            os.link(path, target / path.name)
        elif path.is_symlink():
            (target / path.name).symlink_to(path.readlink())


@contextmanager
def chroot_on(root: Path) -> Iterator[Supervisor]:
    """A chroot on any tree."""
    supervisor = Supervisor(launch(base=root, tmpdir=Path("/tmp"), name=chroot_name(), limits=LIMITS))
    try:
        yield supervisor
    finally:
        supervisor.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(operations, min_size=1, max_size=12))
def test_the_upper_layer_tells_what_two_walks_tell(playground: Path, steps: list[tuple[str, ...]]) -> None:
    descriptor = os.open(playground, os.O_RDONLY)
    before = index_tree(descriptor)
    os.close(descriptor)
    with chroot_on(playground) as supervisor:
        result = supervisor.run(["sh", "-c", script_of(steps)], env=CHROOT_ENVIRONMENT, limits=CommandLimits())
        assert result.status != 127, result.output
        assert b"cross-device" not in result.output
        walked = compare(before, supervisor.walk())
        upper = os.open(f"/proc/{supervisor.host_pid}/fd/{supervisor.upper_fd}/upper", os.O_RDONLY)
        try:
            assert UpperLayer(before).changes(upper) == walked
        finally:
            os.close(upper)


def test_a_chroot_that_did_nothing_shows_no_change(opener: Opener) -> None:
    with opener() as chroot:
        shell(chroot, "cat /etc/passwd > /dev/null; echo x > /dev/shm/x; touch /dev/x")
        assert chroot.changes() == Changes({}, {})


def test_every_kind_of_change_is_told(opener: Opener) -> None:
    with opener() as chroot:
        script = """
        rm -r /usr/share/doc/dpkg; mv /usr/share/doc/bash /usr/share/doc/moved; mkdir /srv/new; mkfifo /srv/pipe
        mknod /srv/node c 1 3; chown 12:34 /etc/issue; echo more >> /etc/fstab; ln -sfn /nowhere /etc/os-release
        rm /etc/debian_version; mkdir /etc/debian_version; setcap cap_net_raw+ep /usr/bin/env || true
        """
        shell(chroot, script)
        changes = chroot.changes()
    new = {path for path in changes.after if path not in changes.before}
    gone = {path for path in changes.before if path not in changes.after}
    assert {"/srv/new", "/srv/pipe", "/srv/node", "/usr/share/doc/moved", "/usr/share/doc/moved/copyright"} <= new
    assert {"/usr/share/doc/dpkg", "/usr/share/doc/dpkg/copyright", "/usr/share/doc/bash/copyright"} <= gone
    assert (changes.after["/etc/issue"].uid, changes.after["/etc/issue"].gid) == (12, 34)
    assert changes.after["/etc/os-release"].target == "/nowhere"
    assert changes.after["/srv/node"].device == os.makedev(1, 3)
    assert changes.before["/etc/debian_version"].mode >> 12 == 0o10
    assert changes.after["/etc/debian_version"].mode >> 12 == 0o4
    assert "/usr/share/doc" not in changes.after, "a directory has not changed because something in it has"


def test_a_file_changed_in_place_and_put_back_differs_by_its_time(opener: Opener) -> None:
    with opener() as chroot:
        shell(chroot, "sed -i s/root/toor/ /etc/passwd; sed -i s/toor/root/ /etc/passwd")
        changes = chroot.changes()
        before, after = changes.before["/etc/passwd"], changes.after["/etc/passwd"]
        assert before._replace(mtime_ns=0) == after._replace(mtime_ns=0)
        assert before.mtime_ns != after.mtime_ns


def test_files_that_come_and_go_while_one_looks_do_no_harm(opener: Opener) -> None:
    busy = "cd /srv; while :; do mkdir -p a/b; ln -sf x a/b/l; touch a/b/f; rm -rf a; touch a; rm a; done &"
    with opener() as chroot:
        shell(chroot, busy)
        for _ in range(8):
            assert all(path.startswith("/srv") for path in chroot.changes().after)
        assert chroot.processes()


def test_extended_attributes_are_told_and_nothing_else_may_show_that_they_changed(opener: Opener) -> None:
    with opener() as chroot, SETCAP.open("rb") as setcap:
        chroot.put("/tmp/setcap", setcap, mode=0o755)
        shell(chroot, "/tmp/setcap cap_net_raw+ep /usr/bin/env")
        found = chroot.attributes(["/usr/bin/env", "/etc/issue", "/nowhere"])
        changes = chroot.changes()
    assert list(found) == ["/usr/bin/env"]
    assert list(found["/usr/bin/env"]) == ["security.capability"]
    assert "/usr/bin/env" not in changes.after, "nothing that an Entry tells has changed"
    assert changes.rewritten is None or "/usr/bin/env" in changes.rewritten
    assert changes.rewritten is None or "/etc/issue" not in changes.rewritten
