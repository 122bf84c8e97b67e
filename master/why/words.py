"""An explanation as sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from piufarm.master.why.chain import Explanation, is_in_hand, is_in_queue, waits
from piufarm.names import log_name
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.explanations import Pace, Situation
from piufarm.store.model import Reservation, Run

_SHOWN: Final = 8  # packages that a sentence names before it leaves out those in the middle
_AT_EACH_END: Final = 3  # that it names then
_UNITS: Final = (("days", 86400), ("h", 3600), ("min", 60))

_OWN_RESULTS: Final = (
    PackageState.SUCCESSFULLY_TESTED,
    PackageState.FAILED_TESTING,
    PackageState.CANNOT_BE_TESTED,
)
_BEFORE_REASON: Final = {PackageState.OUTDATED: "is outdated: ", PackageState.UNKNOWN: "has no state yet: "}
_DID: Final = {
    Outcome.PASS: "passed its test",
    Outcome.FAIL: "failed its test",
    Outcome.UNTESTABLE: "could not be tested",
}


def sentence(explanation: Explanation, now: datetime) -> str:
    """Everything in one line, without a full stop at its end."""
    subject, pairs = explanation.subject, list(pairwise(explanation.chain))
    links = [_link(one, other, exact=other is explanation.cause) for one, other in pairs]
    if len(links) > _SHOWN:
        left_out = pairs[_AT_EACH_END:-_AT_EACH_END]
        links[_AT_EACH_END:-_AT_EACH_END] = [f"leads through {len(left_out)} packages to {_named(*left_out[-1])}"]
    told = ", which ".join([*links, cause(explanation, now)])
    return "; ".join([f"{subject.package} {subject.version} {told}", *outlook(explanation, now)])


def steps(explanation: Explanation, now: datetime) -> Sequence[str]:
    """The chain and its end, a line a package."""
    told = [_link(*pair) for pair in pairwise(explanation.chain)]
    told.append(cause(explanation, now))
    return [f"{one.package} {one.version} {what}" for one, what in zip(explanation.chain, told, strict=True)]


def _link(one: Situation, other: Situation, *, exact: bool = False) -> str:
    return f"{'waits for' if waits(one) else 'depends on'} {_named(one, other, exact=exact)}"


def _named(one: Situation, other: Situation, *, exact: bool = False) -> str:
    """The other package, with its section if that is another one; if `exact` with its version."""
    elsewhere = f" (section {other.section})" if other.section != one.section else ""
    return f"{other.package}{f' {other.version}' if exact else ''}{elsewhere}"


def cause(explanation: Explanation, now: datetime) -> str:
    """What the last package of the chain has done, or is waiting for."""
    last = explanation.cause
    held = last.reservation
    if last.hold is not None:
        return f"is {last.hold.reason}"
    if held is not None and is_in_hand(last, now):
        since, until = _time(held.reserved_at), _time(held.deadline)
        end = f"its lease lasts until {until} and may be renewed" if held.lease else f"until {until} at the latest"
        return f"is being tested by {_holder(held)} since {since}, {end}"
    if last.run is not None and last.state in _OWN_RESULTS:
        return result(last.run)
    if held is not None and is_in_queue(last, now):
        return f"was given to {_holder(held)} on {_time(held.reserved_at)}, which has not been heard of in time"
    return f"{_BEFORE_REASON.get(last.state, '') if last.listed else 'is '}{last.reason}"


def result(run: Run) -> str:
    """What a test has said, when, and where its log is."""
    return f"{_DID[run.outcome]} on {_time(run.received_at)} ({log_of(run)})"


def log_of(run: Run) -> str:
    """Where people find the log of a current run, below master-directory."""
    return f"{run.section}/{run.placement}/{log_name(run.package, run.version)}"


def _holder(held: Reservation) -> str:
    return held.owner or "a slave without a name"


def outlook(explanation: Explanation, now: datetime) -> Sequence[str]:
    """Its place in the queue and when a result can be expected, as far as there is anything to expect."""
    told = []
    subject, last = explanation.subject, explanation.cause
    if subject.retest_since is not None:
        told.append(f"it is to be tested again, marked on {_time(subject.retest_since)}{_place_of_retest(explanation)}")
    if explanation.ahead is not None:
        whom = "it" if last is subject else last.package
        where = "" if last.section == subject.section else f" of section {last.section}"
        told.append(f"{_counted(explanation.ahead)} before {whom} in the queue{where}")
    if explanation.ahead is not None or is_in_hand(last, now):
        told.append(_expectation(explanation))
    if not explanation.is_settled:
        told.append("new results are still being worked out")
    return told


def _place_of_retest(explanation: Explanation) -> str:
    if explanation.retests_ahead is not None:
        return f": {_counted(explanation.retests_ahead)} before it among those to be tested again"
    if explanation.subject.retest_ready or explanation.subject.hold is not None:
        return ""
    return ", as soon as everything that it depends on is good"


def _counted(number: int) -> str:
    match number:
        case 0:
            return "no package is"
        case 1:
            return "1 package is"
        case _:
            return f"{number} packages are"


def _expectation(explanation: Explanation) -> str:
    pace, seconds = explanation.pace, explanation.expected_seconds
    if seconds is None or pace.mean_seconds is None:
        return f"when it is tested is not known yet: {_unknown(pace)}"
    told = f"a result is expected {_in(seconds)}: a test takes {duration(pace.mean_seconds)}"
    if explanation.ahead is None:
        return told
    return f"{told}, with {pace.slaves} {'slave' if pace.slaves == 1 else 'slaves'} at work"


def _unknown(pace: Pace) -> str:
    if pace.drained and not pace.slaves:
        return f"{', '.join(pace.drained)} had too much trouble to get packages"
    return "no slave was here lately" if not pace.slaves else "no log tells how long a test takes"


def _in(seconds: float) -> str:
    return f"in about {duration(seconds)}" if seconds >= 1 else "any moment"


def duration(seconds: float) -> str:
    """A duration as people say it."""
    for unit, size in _UNITS:
        if seconds >= 2 * size:
            return f"{round(seconds / size)} {unit}"
    return f"{max(1, round(seconds))} s"


def _time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
