"""What people and programs see of a slave at work."""

from __future__ import annotations

import io
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from piufarm.errors import FarmError
from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.slave.display import Display
from piufarm.slave.events import Event, JsonLines, Phase, trouble
from piufarm.trouble import TroubleKind
from tests.slave.worker.bench import reserved

SMALL = SectionName("small")
HELLO = reserved("hello", "2.10-3")
MOMENT = datetime(2026, 11, 20, 6, 14, 52, 123456, tzinfo=UTC)


def shown(*events: Event, terminal: bool = False) -> list[str]:
    """The lines that a person sees, without the time in front."""
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=80, color_system=None)
    with Display(console) as display:
        for event in events:
            display.tell(event)
    return [line[9:] for line in output.getvalue().splitlines()]


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size` bytes, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_outcomes_are_one_line_each() -> None:
    assert shown(
        Event(Phase.TESTING, SMALL, HELLO),
        Event(Phase.TESTED, SMALL, HELLO, Outcome.PASS, 1.04),
        Event(Phase.SENT, SMALL, HELLO, Outcome.PASS),
        Event(Phase.GIVEN_BACK, SMALL, HELLO),
        Event(Phase.TAKEN_AWAY, SMALL, HELLO),
        Event(Phase.IDLE, seconds=300),
    ) == [
        "small hello 2.10-3  testing",
        "small hello 2.10-3  pass  1.0 s",
        "small hello 2.10-3  given back",
        "small hello 2.10-3  is not ours any more, the master gives it to others",
        "nothing to test, waiting 300 s",
    ]


def test_trouble_comes_with_its_hint() -> None:
    error = FarmError("cannot reach master.example port 22: refused", hint="is the master up?")
    lines = shown(trouble(error, SMALL))
    assert lines == ["small  trouble: cannot reach master.example port 22: refused", "is the master up?"]


def test_a_long_line_is_not_broken() -> None:
    assert len(shown(Event(Phase.NOTE, text="x" * 300))) == 1


def test_words_in_brackets_are_not_taken_for_markup() -> None:
    assert shown(Event(Phase.NOTE, text="[/red] [bold]x[ESC]")) == ["[/red] [bold]x[ESC]"]


@pytest.mark.parametrize("terminal", [False, True])
def test_what_a_master_says_does_nothing_to_the_terminal(terminal: bool) -> None:
    words = "it says: \x1b]0;title\x07\x1b[2J\x9b1m\u202e\tgone\rbye é"
    for event in (Event(Phase.NOTE, SMALL, text=words), trouble(FarmError(words, hint=words), SMALL)):
        output = "\n".join(shown(event, terminal=terminal))
        assert r"\x1b]0;title\x07\x1b[2J\x9b1m\u202e\tgone\rbye é" in output


def test_on_a_terminal_the_last_line_says_what_is_tested() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, color_system=None)
    with Display(console) as display:
        display.tell(Event(Phase.TESTING, SMALL, HELLO))
        display.tell(Event(Phase.TESTED, SMALL, HELLO, Outcome.FAIL, 2.0))
    assert "testing small hello 2.10-3 0:00:00" in output.getvalue()
    assert "small hello 2.10-3  fail  2.0 s" in output.getvalue()


def test_events_are_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "events"
    path.write_text('{"earlier": "run"}\n')
    with JsonLines(path, slave=2, clock=lambda: MOMENT) as lines:
        lines.tell(Event(Phase.TESTED, SMALL, HELLO, Outcome.FAIL, 1.23456))
        lines.tell(trouble(FarmError("mirror\ndown", hint="wait")))
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert events[1:] == [
        {
            "time": "2026-11-20T06:14:52.123Z",
            "slave": 2,
            "phase": "tested",
            "section": "small",
            "package": "hello",
            "version": "2.10-3",
            "outcome": "fail",
            "seconds": 1.235,
        },
        {"time": "2026-11-20T06:14:52.123Z", "slave": 2, "phase": "trouble", "text": "mirror\ndown", "hint": "wait"},
    ]


def test_trouble_with_a_package_names_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "events"
    with JsonLines(path, slave=1) as lines:
        lines.tell(Event(Phase.TROUBLE, SMALL, HELLO, text="no result", kind=TroubleKind.MIRROR))
    assert json.loads(path.read_text())["kind"] == "mirror"


def test_a_disk_that_fills_up_costs_events_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "events"
    complaints: list[Event] = []
    with JsonLines(path, slave=1, complain=complaints.append) as lines:
        lines.tell(Event(Phase.NOTE, text="before"))
        size = path.stat().st_size
        with files_at_most(size + 10):
            lines.tell(Event(Phase.NOTE, text="cut in the middle"))
            lines.tell(Event(Phase.NOTE, text="lost"))
            lines.tell(Event(Phase.NOTE, text="lost, too"))
        lines.tell(Event(Phase.NOTE, text="after"))
    first, torn, last = path.read_bytes().splitlines()
    assert [json.loads(line)["text"] for line in (first, last)] == ["before", "after"]
    assert len(torn) == 10
    assert [event.text for event in complaints] == [f"cannot write events to {path}: File too large"]


def test_events_that_cannot_be_written_are_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="cannot write events to"):
        JsonLines(tmp_path / "missing" / "events", slave=1)
