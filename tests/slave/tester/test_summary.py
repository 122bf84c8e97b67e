from __future__ import annotations

import io
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from piufarm.outcome import Finding, Origin, Outcome, Severity
from piufarm.slave.tester.output.result import GroupResult, RunResult
from piufarm.slave.tester.output.screen import Screen
from piufarm.slave.tester.output.summary import summary

LEFT = Finding(
    "left-files", Severity.ERROR, "FAIL: Package purging left files on system:\n  /etc/x\t not owned\n", ("/etc/x",),
    culprits=("dep",), is_settled=True, origins=(Origin("/etc/x", (), "dep", "postinst configure"),),
)  # fmt: skip


def told(*findings: Finding, outcome: Outcome | None = Outcome.FAIL, innocent: bool = False) -> str:
    culprits = sorted({name for finding in findings for name in finding.culprits})
    group = GroupResult(["own"], outcome, findings, {"own": "1"}, {}, "install", culprits, innocent)
    result = RunResult("piufarm test --apt own=1", outcome=outcome, groups=[group])
    return "\n".join(line.plain for line in summary(result, Path("/log"), 2.0))


def test_a_pass_is_short() -> None:
    lines = told(outcome=Outcome.PASS).split("\n")
    assert lines[0] == "PASS  own 1  install test"
    assert [line.split()[0] for line in lines[1:]] == ["log", "time"]


def test_a_failure_says_what_whose_and_how_to_see_it_again() -> None:
    lines = told(LEFT, innocent=True).split("\n")
    assert lines[0] == "FAIL  own 1  install test"
    assert lines[1].split(maxsplit=1) == ["left-files", "Package purging left files on system:"]
    assert lines[2].split(maxsplit=1) == ["/etc/x", "made by dep (postinst configure)"]
    assert lines[3].split(maxsplit=1) == ["fault", "dep; own is innocent"]
    assert lines[4].split(maxsplit=1) == ["reproduce", "piufarm test --apt own=1"]


def test_what_is_not_certain_is_not_claimed() -> None:
    doubtful = Finding("left-files", Severity.ERROR, "FAIL: x", ("/a", "/b"), culprits=("dep",))
    assert "dep, and perhaps others" in told(doubtful)
    assert "not known for sure" in told(Finding("accounts", Severity.ERROR, "FAIL: x"))


def test_long_lists_are_cut() -> None:
    origins = tuple(Origin(f"/etc/{number}") for number in range(50))
    text = told(Finding("left-files", Severity.ERROR, "FAIL: x", origins=origins))
    assert "… 38 more" in text
    assert len(text.split("\n")) < 25


def test_a_test_that_was_not_finished_says_so() -> None:
    result = RunResult("piufarm test --apt own", trouble="mirror down")
    assert next(iter(summary(result, None, 0))).plain == "NOT TESTED"


@given(st.text())
def test_nothing_that_packages_choose_does_anything_to_a_terminal(name: str) -> None:
    text = f"FAIL: {name}\n{name}"
    origins = (Origin(f"/{name}", (name,), name, name),)
    for finding in (Finding("x", Severity.ERROR, text), Finding("x", Severity.ERROR, text, origins=origins)):
        assert all(line.isprintable() for line in told(finding).split("\n"))


def test_the_screen_shows_the_steps_that_took_a_while() -> None:
    now = [0.0]
    output = io.StringIO()
    screen = Screen(Console(file=output, width=100), lambda: now[0])
    with screen.following():
        screen.step("install")
        now[0] = 1.5
        screen.step("a moment")
    screen.end(RunResult("piufarm test", outcome=Outcome.PASS), None)
    lines = [line.split() for line in output.getvalue().split("\n") if line]
    assert lines[0] == ["install", "1.5", "s"]
    assert lines[1:] == [["PASS"], ["time", "1.5", "s"]]
