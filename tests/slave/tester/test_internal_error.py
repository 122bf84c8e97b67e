"""A mistake of the tester itself says nothing about the package: not to a person, a slave, or in the result."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import NoReturn

import pytest

from piufarm.__main__ import main
from piufarm.slave.job.verdict import Ended, Ending, judge_end, told_kind
from piufarm.slave.tester.runner import Runner
from piufarm.trouble import TroubleKind


def run_into(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit status of a test in which this happens."""

    def stumble(_: object) -> NoReturn:
        raise error

    monkeypatch.setattr(Runner, "run", stumble)
    words = ["test", "--log-file", str(tmp_path / "log"), "--result", str(tmp_path / "result"), "--apt", "hello"]
    monkeypatch.setattr("sys.argv", ["piufarm", *words])
    return main(words)


def test_an_internal_error_is_our_trouble_and_the_log_says_where_it_happened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    status = run_into(KeyError("surprise"), tmp_path, monkeypatch)
    result = json.loads((tmp_path / "result").read_text())
    assert status == 3
    assert result["outcome"] is None
    assert (result["trouble"], result["trouble_kind"]) == ("internal error: KeyError: 'surprise'", "other")
    log = (tmp_path / "log").read_text()
    assert "ERROR: Traceback (most recent call last):" in log
    assert ", in stumble\n" in log
    assert log.endswith(" ERROR: Not tested, the farm is in trouble: internal error: KeyError: 'surprise'\n")
    said = capfd.readouterr().err
    assert said.startswith("piufarm test: internal error: KeyError: 'surprise'\n")
    assert "please report it" in said


def test_a_slave_takes_it_for_no_failure_whatever_was_said_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    status = run_into(AssertionError(), tmp_path, monkeypatch)
    output = capfd.readouterr()
    for last_line in (output.err.splitlines()[-1], "0m1.0s ERROR: piuparts run ends."):
        assert judge_end(Ended(status, Ending.ITSELF, last_line), own_tester=True).outcome is None
    assert told_kind(tmp_path / "result", status) is TroubleKind.OTHER


def test_an_error_of_the_host_that_nobody_foresaw_is_told_in_log_and_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    status = run_into(OSError(errno.ENOSPC, "No space left on device", "/x"), tmp_path, monkeypatch)
    result = json.loads((tmp_path / "result").read_text())
    assert (status, result["outcome"], result["trouble_kind"]) == (3, None, "disk")
    assert "No space left on device" in result["trouble"]
    assert "Not tested, the farm is in trouble: [Errno 28] No space left" in (tmp_path / "log").read_text()


def test_a_mistake_outside_of_the_test_is_told_on_standard_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    empty: dict[str, object] = {}
    monkeypatch.setattr("piufarm.slave.tester.command.parse_options", lambda *_: empty["options"])
    assert main(["test", "--apt", "hello"]) == 3
    said = capfd.readouterr().err
    assert said.startswith("Traceback (most recent call last):\n")
    assert "piufarm test: internal error: KeyError: 'options'\n" in said
