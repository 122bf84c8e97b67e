"""No result is acknowledged before it is durable, and none is half visible, whenever the session ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from piufarm.run import run
from piufarm.store.model import Standing
from tests.master.office import SID, Office
from tests.master.traces import Call, calls, traced, was_killed

_RESULT = "section sid\npass hello 2.10-3\n the log\n.\n"


def _position(found: Sequence[Call], names: str, *texts: str, after: int = -1) -> int:
    """Where the first call of one of these names with these texts is."""
    for position, call in enumerate(found):
        if position > after and call.name in names.split() and call.concerns(*texts):
            return position
    raise AssertionError(f"no {names} with {texts} after call {after} of {[call.name for call in found]}")


def test_ok_is_said_only_after_log_folder_and_store_are_synced_in_this_order(office: Office, tmp_path: Path) -> None:
    completed = traced(office.config, _RESULT, tmp_path / "trace")
    assert completed.stdout == b"hello\nok\nok\n"
    found = calls(tmp_path / "trace")
    runs = f"{office.files.runs}"
    written = _position(found, "write", f"{runs}/.new-", "the log")
    log_synced = _position(found, "fsync fdatasync", f"{runs}/.new-", after=written)
    renamed = _position(found, "rename renameat renameat2", f"{runs}/.new-", ".log", after=log_synced)
    folder_synced = _position(found, "fsync fdatasync", f"<{runs}>", after=renamed)
    row_written = _position(found, "write pwrite64", "piufarm.sqlite", after=folder_synced)
    store_synced = _position(found, "fsync fdatasync", "piufarm.sqlite", after=row_written)
    linked = _position(found, "link linkat", f"{runs}/", "/pass/", after=store_synced)
    acknowledged = _position(found, "write", '"ok\\n"', after=linked)
    greeted = [position for position, call in enumerate(found) if call.name == "write" and call.concerns('"ok\\n"')]
    assert acknowledged == greeted[-1]
    assert len(greeted) == 2  # the first one answers `section`


def test_the_folders_on_the_way_to_a_log_are_durable_before_ok_whoever_made_them(
    office: Office, tmp_path: Path
) -> None:
    office.config.write_text(office.config.read_text().replace("[other]", "[team/sid]"))
    office.converse("section team/sid\n")  # its journal has made the section's folder
    team = office.master_directory / "team"
    assert (team / "sid").is_dir()
    completed = traced(office.config, _RESULT.replace("section sid", "section team/sid"), tmp_path / "trace")
    assert completed.stdout == b"hello\nok\nok\n"
    found = calls(tmp_path / "trace")
    for folder in (team / "sid" / "runs", team / "sid", team, office.master_directory):
        _position(found, "fsync fdatasync", f"<{folder}>")


def test_a_result_costs_two_syncs_of_files_and_no_more(office: Office, tmp_path: Path) -> None:
    office.converse(_RESULT)  # folders and store are there already
    traced(office.config, _RESULT.replace("hello", "other"), tmp_path / "trace")
    synced = [call.arguments for call in calls(tmp_path / "trace") if call.name in ("fsync", "fdatasync")]
    assert sum(str(office.files.root) in text for text in synced) == 2  # the log and its folder
    assert any("-wal" in text for text in synced)


def _points(found: Sequence[Call], *, after: int) -> Iterator[tuple[str, int]]:
    """Each call after a position, as its name and how many of that name have been before."""
    counts: Counter[str] = Counter()
    for position, call in enumerate(found):
        counts[call.name] += 1
        if position > after:
            yield call.name, counts[call.name]


def test_a_session_killed_between_any_two_steps_loses_nothing_and_shows_no_half(office: Office, tmp_path: Path) -> None:
    office.converse("section sid\npass warm-up 1\n x\n.\n")
    trace = tmp_path / "trace"
    traced(office.config, _RESULT, trace)
    selected = _position(calls(trace), "write", '"ok\\n"')
    points = list(_points(calls(trace), after=selected))
    assert len(points) > 10
    for number, (name, count) in enumerate(points):
        version = f"1.{number}"
        text = _RESULT.replace("2.10-3", version)
        killed = traced(office.config, text, trace, inject=f"{name}:signal=SIGKILL:when={count}")
        assert was_killed(trace), (name, count)
        _check_after_kill(office, version, acknowledged=killed.stdout.count(b"ok\n") == 2)
        assert office.converse(text) == ["hello", "ok", "ok"]  # the slave sends it again
        current = [run for run in office.store.runs(SID) if run.version == version]
        assert [run.standing for run in current] == [Standing.CURRENT]
        assert (office.files.root / "pass" / f"hello_{version}.log").read_text() == "the log\n"
    for difference in office.differences():
        raise AssertionError(difference.text)


def _check_after_kill(office: Office, version: str, *, acknowledged: bool) -> None:
    stored = [run for run in office.store.runs(SID) if run.version == version]
    assert stored or not acknowledged
    for run_ in stored:
        assert office.files.run_log(run_.run_id).read_text() == "the log\n"
    visible = office.files.root / "pass" / f"hello_{version}.log"
    assert not visible.exists() or visible.read_text() == "the log\n"
    for difference in office.differences():
        assert difference.mend is not None, difference.text
        difference.mend()
    assert office.differences() == []


@contextmanager
def _small_file_system(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True)
    run(["mount", "-t", "tmpfs", "-o", "size=768k", "piufarm-test", directory])
    try:
        yield
    finally:
        run(["umount", "--lazy", directory])  # an evaluator that a session has started may still be at work there


@pytest.fixture
def full_disk(office: Office) -> Iterator[Path]:
    """A section folder that has room for small logs only."""
    with _small_file_system(office.files.root):
        yield office.files.root


def test_a_full_disk_ends_the_session_without_ok_and_without_a_trace(office: Office, full_disk: Path) -> None:
    long_log = "".join(f" {'x' * 1000}\n" for _ in range(1000))
    completed = office.session(f"section sid\npass small 1\n x\n.\npass large 1\n{long_log}.\nstatus\n")
    assert completed.status == 1
    assert completed.stdout == b"hello\nok\nok\n"
    (reason,) = completed.stderr.decode().splitlines()
    assert "No space left on device" in reason
    assert "make room" in reason
    assert "No space left" in (office.master_directory / "master-error.log").read_text()
    assert [run.package for run in office.store.runs(SID)] == ["small"]
    assert [log.name for log in full_disk.rglob("*.log") if log.name != "master.log"] != []
    assert list(full_disk.rglob(".new-*")) == []
    assert list(full_disk.rglob("large*")) == []
    assert office.differences() == []


def test_a_full_disk_under_the_store_ends_the_session_without_ok(office: Office, tmp_path: Path) -> None:
    with _small_file_system(tmp_path / "store"):
        text = office.config.read_text()
        office.config.write_text(text.replace("[sid]", f"state = sqlite://{tmp_path}/store/farm.sqlite\n[sid]", 1))
        assert office.session("section sid\n").stdout == b"hello\nok\n"
        (tmp_path / "store" / "filler").write_bytes(b"x" * 100_000)
        with (tmp_path / "store" / "filler2").open("wb", buffering=0) as filler, pytest.raises(OSError, match="space"):
            while True:
                filler.write(b"x" * 4096)
        completed = office.session("section sid\npass a 1\n x\n.\n")
    assert completed.status == 1
    assert completed.stdout in (b"hello\n", b"hello\nok\n")
    assert len(completed.stderr.splitlines()) == 1
    assert not (office.files.root / "pass").exists()
