"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path

import pytest

from piufarm.protocol import DEFAULT_LIMITS, Feature
from piufarm.protocol.states import NEXT, speaker
from piufarm.protocol.wire import VERBS
from piufarm.trouble import TroubleKind
from tests.core.protocol.helpers import master_hears
from tests.support.scripted_slave import compressed

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


def sessions() -> list[list[str]]:
    """The sample sessions, line by line."""
    blocks = re.findall(r"(?m)(?:^    [MS]  .*\n)+", DOCUMENT)
    return [[line[4:] for line in block.splitlines()] for block in blocks]


@pytest.mark.parametrize("sample", sessions(), ids=["plain", "features"])
def test_the_sample_sessions_are_what_a_master_answers(sample: list[str]) -> None:
    frame = compressed(b"log\n")
    lines = [line[3:].encode() + b"\n" for line in sample if line.startswith("S")]
    sent = b"".join(frame if line.startswith(b"(%d bytes" % len(frame)) else line for line in lines)
    answered = "".join(line[3:] + "\n" for line in sample if line.startswith("M"))
    heard = master_hears([sent])
    assert heard.problem is None
    assert heard.replies == answered.encode()


def test_every_verb_feature_and_kind_is_in_the_grammar() -> None:
    grammar = set(re.findall(r'"([a-z_-]+)"', DOCUMENT.split("\n## Grammar\n")[1].split("\n## ")[0]))
    kinds = {kind.value for kind in TroubleKind} - {"lost"}
    assert grammar == {*VERBS, *kinds, "zstd", "hello", "ok", "error", "busy"} | {"-"}


def test_every_feature_is_documented_in_the_order_in_which_masters_say_them() -> None:
    assert [row[0].strip("`") for row in table("Features")] == [feature.value for feature in Feature]
