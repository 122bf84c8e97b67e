from __future__ import annotations

import io
from contextlib import nullcontext
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.outcome import Outcome
from piufarm.slave.chroot.terminal import Terminal
from piufarm.slave.tester import inspection
from piufarm.slave.tester.command_line.options import OutputOptions
from piufarm.slave.tester.inspection import SHELL, Inspection
from piufarm.slave.tester.output.log import TestLog
from tests.slave.tester.memory import Bench, bench


def look(made: Bench, options: OutputOptions, outcome: Outcome) -> tuple[Inspection, str]:
    """What is done with a root, and what the log says about it."""
    output = io.BytesIO()
    made_inspection = Inspection(options, Path("/nowhere"), TestLog([output]), nullcontext)
    made_inspection.look(made.chroot, outcome)
    return made_inspection, output.getvalue().decode()


@pytest.fixture
def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Terminal, "is_there", lambda: True)


@pytest.mark.usefixtures("at_a_terminal")
def test_only_a_failure_is_shown(tmp_path: Path) -> None:
    made = bench(tmp_path)
    look(made, OutputOptions(shell_on_error=True), Outcome.PASS)
    look(made, OutputOptions(), Outcome.FAIL)
    assert made.chroot.commands == []
    look(made, OutputOptions(shell_on_error=True), Outcome.FAIL)
    assert made.chroot.commands == [SHELL]


def test_without_a_terminal_the_log_says_that_there_is_no_shell(tmp_path: Path) -> None:
    made = bench(tmp_path)
    _, log = look(made, OutputOptions(shell_on_error=True), Outcome.FAIL)
    assert "WARNING: No shell" in log
    assert made.chroot.commands == []


def test_a_root_that_cannot_be_kept_changes_no_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Path:
        raise FarmError("the disk is full")

    monkeypatch.setattr(inspection, "keep", refuse)
    kept, log = look(bench(tmp_path), OutputOptions(keep_env=True), Outcome.FAIL)
    assert kept.kept == []
    assert "WARNING: The root could not be kept: the disk is full" in log


def test_a_kept_root_is_named_with_what_can_be_done_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inspection, "keep", lambda chroot, tmpdir: tmpdir / "tmp1")
    kept, log = look(bench(tmp_path), OutputOptions(keep_env=True), Outcome.PASS)
    assert kept.kept == [Path("/nowhere/tmp1")]
    assert "piufarm kept enter /nowhere/tmp1" in log
    assert "piufarm kept remove /nowhere/tmp1" in log
