"""What a signal in the middle of the work leaves behind: nothing."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from piufarm.master.layout import index_cache
from piufarm.run import DEVNULL, PIPE, Completed, clean_environment, run, spawn
from tests.master.office import SID, Office, open_office
from tests.master.traces import calls
from tests.support.clone import PIUFARM


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_session_that_is_ended_in_the_middle_of_a_log_leaves_nothing_of_it(
    office: Office, number: signal.Signals
) -> None:
    session = spawn(
        [PIUFARM, "master", "session", "--config", office.config], stdin=PIPE, stdout=PIPE, stderr=DEVNULL
    )
    assert session.stdin is not None
    session.stdin.write(b"section sid\npass a 1\n half of the log\n")
    session.stdin.flush()
    until = time.monotonic() + 30
    while not list(office.files.runs.glob(".new-*")):
        assert time.monotonic() < until
        time.sleep(0.01)
    session.send_signal(number)
    session.communicate()
    assert session.returncode == 128 + number
    assert list(office.files.runs.iterdir()) == []
    assert list(office.store.runs(SID)) == []


def _traced_refresh(office: Office, trace: Path, *options: str) -> Completed:
    return run(
        ["strace", "-y", "-o", trace, "-e", "trace=openat,write,fsync,rename", *options,
         PIUFARM, "master", "refresh", "--config", office.config],
        env=clean_environment(PATH=os.environ["PATH"]),
        check=False,
    )  # fmt: skip


def _points(trace: Path) -> list[tuple[str, int]]:
    """Each call about an unfinished file, as its name and how many of that name have been before."""
    counts: Counter[str] = Counter()
    points = []
    for call in calls(trace):
        counts[call.name] += 1
        if call.concerns(".new-"):
            points.append((call.name, counts[call.name]))
    return points


def test_a_refresh_that_is_ended_at_any_moment_leaves_no_unfinished_file(
    tmp_path: Path, signed_archive: SignedArchive, archive_server: ArchiveServer
) -> None:
    office = open_office(tmp_path, f"mirror = {archive_server.url}\narchive-keyring = {signed_archive.keyring}\n")
    office.store.close()
    signed_archive.publish("sid", [DebSpec("a")])
    trace, indexes = tmp_path / "trace", index_cache(office.master_directory)
    office.command("refresh")
    for path in indexes.iterdir():
        path.unlink()
    assert _traced_refresh(office, trace).status == 0
    points = _points(trace)
    assert {name for name, _ in points} == {"openat", "write", "fsync", "rename"}
    for number in (signal.SIGTERM, signal.SIGINT):
        for name, count in points:
            for path in indexes.iterdir():
                path.unlink()
            ended = _traced_refresh(office, trace, "-e", f"inject={name}:signal={number.name}:when={count}")
            assert (ended.status, b"Traceback" in ended.stderr) == (128 + number, False), (name, ended.stderr)
            assert [path.name for path in tmp_path.rglob(".new-*")] == [], name
    assert office.command("refresh").status == 0
