"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

from piufarm.protocol import DEFAULT_LIMITS
from piufarm.protocol.states import NEXT, speaker
from piufarm.protocol.wire import VERBS
from tests.core.protocol.helpers import master_hears

DOCUMENT = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()


def table(heading: str) -> list[list[str]]:
    """The rows of the table below a heading, without its head."""
    part = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in part.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_the_table_of_states_is_the_one_in_the_code() -> None:
    code = [
        [state.value, side.value, message.__name__, after.value]
        for (state, message), after in NEXT.items()
        if (side := speaker(state)) is not None
    ]
    assert table("States") == code


def test_every_verb_is_documented_and_no_other() -> None:
    documented = [re.split(r"[ `]", row[0].strip("`"))[0] for row in table("Requests")]
    assert documented == list(VERBS)


def test_the_limits_are_those_of_the_code() -> None:
    documented = [int(row[1].split()[0]) for row in table("Limits")]
    assert documented == list(asdict(DEFAULT_LIMITS).values())


def test_the_sample_session_is_what_a_master_answers() -> None:
    sample = [line.strip() for line in DOCUMENT.splitlines() if re.match(r"    [MS]  ", line)]
    sent = "".join(line[3:] + "\n" for line in sample if line.startswith("S"))
    answered = "".join(line[3:] + "\n" for line in sample if line.startswith("M"))
    assert master_hears([sent.encode()]).replies == answered.encode()
