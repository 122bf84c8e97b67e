"""Every way in which a test can end, for any tester and for ours."""

from __future__ import annotations

import pytest

from piufarm.outcome import Outcome
from piufarm.slave.job.verdict import INCOMPLETE, KILLED, Ended, Ending, Verdict, judge_end

ENDS = "0m7.6s INFO: piuparts run ends."


@pytest.mark.parametrize(
    ("status", "ending", "last_line", "expected"),
    [
        (0, Ending.ITSELF, ENDS, Verdict(0, None, Outcome.PASS)),
        (1, Ending.ITSELF, ENDS, Verdict(1, None, Outcome.FAIL)),
        (3, Ending.ITSELF, ENDS, Verdict(3, None, Outcome.FAIL)),
        (0, Ending.ITSELF, "cut", Verdict(1024, INCOMPLETE, Outcome.FAIL)),
        (1, Ending.ITSELF, "", Verdict(1025, INCOMPLETE, Outcome.FAIL)),
        (3, Ending.ITSELF, "", Verdict(1027, INCOMPLETE, Outcome.FAIL)),
        (124, Ending.ITSELF, "cut", Verdict(-124, KILLED, Outcome.FAIL)),
        (137, Ending.ITSELF, ENDS, Verdict(-137, KILLED, Outcome.FAIL)),
        (-9, Ending.ITSELF, ENDS, Verdict(-9, KILLED, Outcome.FAIL)),
        (1, Ending.TIME_LIMIT, ENDS, Verdict(-1, KILLED, Outcome.FAIL)),
        (-9, Ending.TIME_LIMIT, "", Verdict(-1, KILLED, Outcome.FAIL)),
    ],
)
def test_any_other_tester(status: int, ending: Ending, last_line: str, expected: Verdict) -> None:
    assert judge_end(Ended(status, ending, last_line), own_tester=False) == expected


@pytest.mark.parametrize(
    ("status", "ending", "last_line", "outcome"),
    [
        (0, Ending.ITSELF, ENDS, Outcome.PASS),
        (1, Ending.ITSELF, ENDS, Outcome.FAIL),
        (1, Ending.TIME_LIMIT, ENDS, Outcome.FAIL),
        (-15, Ending.TIME_LIMIT, "", Outcome.FAIL),
        (124, Ending.ITSELF, "", Outcome.FAIL),
        (137, Ending.ITSELF, "", Outcome.FAIL),
        (3, Ending.ITSELF, "cut", None),
        (3, Ending.ITSELF, ENDS, None),
        (2, Ending.ITSELF, "usage", None),
        (0, Ending.ITSELF, "cut", None),
        (1, Ending.ITSELF, "Traceback", None),
        (-9, Ending.ITSELF, "", None),
        (-1, Ending.ITSELF, "", None),
        (130, Ending.ITSELF, ENDS, None),
    ],
)
def test_our_own_tester(status: int, ending: Ending, last_line: str, outcome: Outcome | None) -> None:
    assert judge_end(Ended(status, ending, last_line), own_tester=True).outcome is outcome
