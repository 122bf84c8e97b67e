"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from piufarm.files import atomic_write, atomic_writer, current_umask
from piufarm.run import run
from tests.support.clone import CLONE


def test_a_file_is_replaced_in_one_step_and_nothing_else_stays(tmp_path: Path) -> None:
    target = tmp_path / "file"
    atomic_write(target, "old")
    atomic_write(target, b"new\x00")
    assert target.read_bytes() == b"new\x00"
    assert list(tmp_path.iterdir()) == [target]


def test_until_the_end_of_the_block_readers_see_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with atomic_writer(target) as stream:
        stream.write(b"new")
        stream.flush()
        assert target.read_text() == "old"
    assert target.read_text() == "new"


@pytest.mark.parametrize("trouble", [RuntimeError, KeyboardInterrupt, OSError])
def test_trouble_within_the_block_leaves_the_old_content_and_no_rest(
    tmp_path: Path, trouble: type[BaseException]
) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(trouble), atomic_writer(target) as stream:
        stream.write(b"half of the new")
        raise trouble
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_process_that_is_killed_while_writing_leaves_the_old_content(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    program = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom piufarm.files import atomic_writer\n"
        "with atomic_writer(Path(sys.argv[1])) as stream:\n"
        "    stream.write(b'x' * 1_000_000)\n    stream.flush()\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = run(["/usr/bin/python3", "-c", program, target], cwd=CLONE, check=False)
    assert ended.status == -9
    assert target.read_text() == "old"


def test_the_mode_obeys_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        assert current_umask() == 0o027
        atomic_write(tmp_path / "default", "")
        atomic_write(tmp_path / "secret", "", mode=0o600)
    finally:
        os.umask(before)
    assert (tmp_path / "default").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_directory_in_the_way_or_missing_is_an_error_and_leaves_no_rest(tmp_path: Path) -> None:
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError):
        atomic_write(tmp_path / "directory", "x")
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "nowhere" / "file", "x")


def test_a_symbolic_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim, link = tmp_path / "victim", tmp_path / "link"
    victim.write_text("old")
    link.symlink_to(victim)
    atomic_write(link, "new")
    assert victim.read_text() == "old"
    assert not link.is_symlink()
