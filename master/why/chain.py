"""The chain of reasons from a package to what it waits for in the end, and when that may be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from piufarm.store.explanations import Pace, Situation
from piufarm.store.model import Store


@dataclass(frozen=True)
class Explanation:
    """Packages, each of which is kept by the next; the last one is the cause."""

    chain: Sequence[Situation]
    ahead: int | None  # packages in the queue before the cause; None if it is not in the queue
    retests_ahead: int | None  # packages to be tested again before the subject; None if it is not, or cannot be now
    pace: Pace  # of the section of the cause
    expected_seconds: float | None  # until the package has a result; None if nobody knows, or it has or gets none
    is_settled: bool  # no result is still to be worked out

    @property
    def subject(self) -> Situation:
        return self.chain[0]

    @property
    def cause(self) -> Situation:
        return self.chain[-1]


def explain(store: Store, section: SectionName, package: Package, *, now: datetime) -> Explanation | None:
    """Follow the reasons of a package; None if the section has no package of that name. Raises StoreError."""
    first = store.situation(section, package)
    if first is None:
        return None
    chain = _follow(store, first)
    cause = chain[-1]
    ahead = store.ahead(cause.section, cause.package) if is_in_queue(cause, now) else None
    pace = store.pace(cause.section, now=now)
    expected = _expected(cause, ahead, pace, now)
    return Explanation(
        chain,
        ahead,
        store.retests_ahead(section, package) if _can_be_repeated(first, now) else None,
        pace,
        None if expected is None or pace.mean_seconds is None else expected + pace.mean_seconds * (len(chain) - 1),
        not store.evaluation_due(section),
    )


def _follow(store: Store, first: Situation) -> Sequence[Situation]:
    chain = [first]
    seen = {(first.section, first.package)}
    # results change states while we read, so that nothing keeps two packages from pointing at each other
    while is_kept(chain[-1]) and (blocker := chain[-1].blocker) is not None and blocker not in seen:
        further = store.situation(*blocker)
        if further is None:
            break
        seen.add(blocker)
        chain.append(further)
    return chain


def is_kept(situation: Situation) -> bool:
    """Whether another package is what keeps this one."""
    return waits(situation) or situation.state in (
        PackageState.DEPENDENCY_FAILED,
        PackageState.DEPENDENCY_CANNOT_BE_TESTED,
        PackageState.DEPENDENCY_DOES_NOT_EXIST,
    )


def waits(situation: Situation) -> bool:
    """Whether another package has to be tested first."""
    return situation.state is PackageState.WAITING_FOR_DEPENDENCY


def is_in_hand(situation: Situation, now: datetime) -> bool:
    """Whether a slave has the package."""
    return situation.reservation is not None and situation.reservation.deadline > now


def is_in_queue(situation: Situation, now: datetime) -> bool:
    """Whether the package is handed out when its turn comes."""
    return (
        situation.state is PackageState.WAITING_TO_BE_TESTED
        and situation.listed
        and situation.hold is None
        and not is_in_hand(situation, now)
    )


def _can_be_repeated(situation: Situation, now: datetime) -> bool:
    """Whether the package is handed out, when its turn comes, to a slave that tests again."""
    return situation.retest_ready and situation.listed and situation.hold is None and not is_in_hand(situation, now)


def _expected(cause: Situation, ahead: int | None, pace: Pace, now: datetime) -> float | None:
    """Seconds until the cause has a result."""
    if pace.mean_seconds is None:
        return None
    if ahead is not None:
        return pace.mean_seconds * (ahead / pace.slaves + 1) if pace.slaves else None
    if cause.reservation is not None and is_in_hand(cause, now):
        elapsed = (now - cause.reservation.reserved_at).total_seconds()
        return max(0.0, pace.mean_seconds - elapsed)
    return None
