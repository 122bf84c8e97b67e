"""What the end of a test means: an outcome of the package, or trouble of ours."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from piufarm.outcome import Outcome
from piufarm.trouble import TroubleKind

END_OF_RUN: Final = "piuparts run ends"
KILLED: Final = " *** Process KILLED - exceed maximum run time ***\n"
INCOMPLETE: Final = " *** PIUPARTS OUTPUT INCOMPLETE ***\n"
_INCOMPLETE_RET: Final = 1024
_TIMEOUT_STATUSES: Final = (124, 137)  # of a `timeout` in front of the command: TERM or KILL was needed


class Ending(Enum):
    """How a test's process came to its end."""

    ITSELF = "itself"
    TIME_LIMIT = "time limit"
    ABORTED = "aborted"


@dataclass(frozen=True)
class Ended:
    """A test that has ended; `status` is the exit status, or -N after signal N."""

    status: int
    ending: Ending
    last_line: str


@dataclass(frozen=True)
class Verdict:
    """The number and the marker line for the log; `outcome` None means that it was trouble of ours."""

    ret: int
    marker: str | None
    outcome: Outcome | None


def judge_end(ended: Ended, *, own_tester: bool) -> Verdict:
    """Judge a test by its exit status, its last line, and whose tester it was.

    Any other tester than ours is judged as piuparts slaves do: what did not pass has failed. Ours passes with 0 and
    fails with 1, each with a last line that says so; whatever else comes is not about the package.
    """
    ret, marker = ended.status, None
    if ended.ending is not Ending.ITSELF:
        ret = -1
    elif ret in _TIMEOUT_STATUSES:
        ret = -ret
    if ret < 0:
        marker = KILLED
    elif END_OF_RUN not in ended.last_line:
        ret += _INCOMPLETE_RET
        marker = INCOMPLETE
    if own_tester and not _is_statement(ended, ret):
        return Verdict(ret, marker, None)
    return Verdict(ret, marker, Outcome.PASS if ret == 0 else Outcome.FAIL)


def _is_statement(ended: Ended, ret: int) -> bool:
    """Whether our tester's end says something about the package: it passed, failed, or took too long."""
    too_long = ended.ending is Ending.TIME_LIMIT or -ret in _TIMEOUT_STATUSES
    return ret in (0, 1) or too_long


def told_kind(result: Path, status: int) -> TroubleKind:
    """What sort of trouble a test ended in, by the result that our tester has written, if it came to that."""
    try:
        kind = json.loads(result.read_text())["trouble_kind"]
    except (OSError, ValueError, LookupError, TypeError):
        return TroubleKind.KILLED if status < 0 else TroubleKind.OTHER
    return TroubleKind(kind) if kind in list(TroubleKind) else TroubleKind.OTHER
