"""`bin/demo` as a person runs it: stopped in the middle, run to its end, run once more."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from piufarm.run import STDOUT, Child, clean_environment, spawn
from tests.support.clone import CLONE
from tests.support.host import host_state, left_over
from tests.support.wait import wait_until

pytestmark = pytest.mark.farm

SAMPLES_THAT_FAIL = 10


@contextmanager
def demo(folder: Path, output: Path) -> Iterator[Child]:
    """A running demo with two real packages."""
    with output.open("wb") as stream:
        child = spawn(
            [CLONE / "bin" / "demo", "--folder", folder, "--packages", "hello,bc"],
            env=clean_environment(),
            stdout=stream,
            stderr=STDOUT,
        )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGINT)
        child.wait()


def outcomes(folder: Path) -> list[str]:
    """What the slave has told of packages so far."""
    events = folder / "slave-events.jsonl"
    lines = events.read_text().splitlines() if events.exists() else []
    return [event["outcome"] for event in map(json.loads, lines) if event["phase"] == "tested"]


def test_a_demo_that_is_interrupted_leaves_nothing_and_the_next_run_goes_on_to_a_site(tmp_path: Path) -> None:
    folder, output = tmp_path / "farm", tmp_path / "output"
    before = host_state()
    with demo(folder, output) as child:
        wait_until(lambda: len(outcomes(folder)) >= 2 or child.poll() is not None, "two tested packages", seconds=300)
        child.send_signal(signal.SIGINT)
        assert child.wait(60) == 130, output.read_text()
    assert not left_over(before, folder / "tmp", marks=(str(folder),))
    assert [path for path in folder.rglob("*") if path.name.startswith(".new-") or path.suffix == ".new"] == []

    with demo(folder, output) as child:
        assert child.wait(300) == 0, output.read_text()
    said = output.read_text()
    assert "going on where the last run was stopped" in said
    assert "packages per hour" in said
    assert "1 not tested: dependency-failed-testing" in said
    (untestable,) = (folder / "master" / "samples" / "untestable").iterdir()
    assert "Package demo-updated 1 not found in samples, 2 is available" in untestable.read_text()
    assert len(list((folder / "master" / "samples" / "fail").glob("*.log"))) == SAMPLES_THAT_FAIL
    assert {log.name.partition("_")[0] for log in folder.glob("master/*/pass/*.log")} >= {"hello", "bc", "demo-good"}
    assert "demo-leaves-file" in (folder / "site" / "samples" / "fail.html").read_text()
    assert not left_over(before, folder / "tmp", marks=(str(folder),))


def test_a_demo_with_an_unknown_package_says_so_and_ends(tmp_path: Path) -> None:
    output = tmp_path / "output"
    with output.open("wb") as stream:
        child = spawn(
            [CLONE / "bin" / "demo", "--folder", tmp_path / "farm", "--packages", "there-is-no-such-package"],
            env=clean_environment(),
            stdout=stream,
            stderr=STDOUT,
        )
    assert child.wait(120) == 2
    assert "the suite has no package there-is-no-such-package" in output.read_text()
    assert "Traceback" not in output.read_text()
