"""Questions about single packages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.store.attempts import ACTIVE_SECONDS, Hold, Reservation
from piufarm.store.explanations import Pace, Situation
from piufarm.store.sql import runs
from piufarm.store.sql.database import Cursor, Row
from piufarm.store.sql.rows import SectionKey, find_section, micros, moment

_TIMED_TESTS: Final = 200  # the last ones, whose mean tells how long a test takes
_NAMES: Final = 500  # of packages whose names are like another
_PREFIX: Final = 3  # characters at the beginning of a name that most mistakes leave alone

_SITUATION: Final = """
SELECT p.test_version, p.state, p.reason, p.blocker, p.listed, run.id, r.owner, r.reserved_at, r.deadline, r.lease,
    h.held_at, h.reason, c.queued_at, p.retestable
FROM package AS p
LEFT JOIN run ON run.section_id = p.section_id AND run.package = p.name AND run.version = p.test_version
    AND run.standing = 'current'
LEFT JOIN reservation AS r ON r.section_id = p.section_id AND r.package = p.name AND r.version = p.test_version
LEFT JOIN hold AS h ON h.section_id = p.section_id AND h.package = p.name AND h.version = p.test_version
LEFT JOIN recycle AS c ON c.section_id = p.section_id AND c.package = p.name AND c.version = p.test_version
WHERE p.section_id = :section_id AND p.generation = :generation AND p.name = :name
"""

_CANDIDATES: Final = (
    "(SELECT count(*) FROM package WHERE section_id = :section_id AND generation = :generation"
    " AND state = 'waiting-to-be-tested' AND listed = 1 AND free = 1 AND {which})"
)
# two counts, because each is a stretch of the index by which packages are handed out
_AHEAD: Final = (
    f"SELECT {_CANDIDATES.format(which='weight > :weight')}"
    f" + {_CANDIDATES.format(which='weight = :weight AND tie < :tie')}"
)
_RETESTS: Final = (
    "(SELECT count(*) FROM package WHERE section_id = :section_id AND generation = :generation"
    " AND retestable = 1 AND retest_rank > 0 AND listed = 1 AND free = 1 AND {which})"
)
_RETESTS_AHEAD: Final = (
    f"SELECT {_RETESTS.format(which='weight > :weight')}"
    f" + {_RETESTS.format(which='weight = :weight AND retest_rank < :rank')}"
)
_PLACE: Final = (
    "SELECT weight, tie, retest_rank FROM package"
    " WHERE section_id = :section_id AND generation = :generation AND name = :name"
)


def situation(cursor: Cursor, section: SectionName, package: Package) -> Situation | None:
    """See Store.situation."""
    key = find_section(cursor, section)
    row = cursor.execute(_SITUATION, {**key.columns, "name": package}).fetchone()
    if row is None:
        return None
    version, state, reason, blocker, listed, run_id, *attempts = row
    held = attempts[:4], attempts[4:6]
    return Situation(
        section,
        package,
        Version(version),
        PackageState(state),
        reason,
        _blocker(section, blocker),
        bool(listed),
        None if run_id is None else runs.run(cursor, run_id),
        _reservation(section, package, version, held[0]),
        _hold(section, package, version, held[1]),
        None if attempts[6] is None else moment(attempts[6]),
        attempts[6] is not None and bool(attempts[7]),
    )


def _blocker(section: SectionName, text: str) -> tuple[SectionName, Package] | None:
    name, _, other = text.partition(" ")
    return (SectionName(other) if other else section, Package(name)) if name else None


def _reservation(section: SectionName, package: Package, version: str, row: Row) -> Reservation | None:
    owner, reserved_at, deadline, lease = row
    if reserved_at is None:
        return None
    times = moment(reserved_at), moment(deadline)
    return Reservation(section, package, Version(version), owner, *times, bool(lease))


def _hold(section: SectionName, package: Package, version: str, row: Row) -> Hold | None:
    held_at, reason = row
    return None if held_at is None else Hold(section, package, Version(version), moment(held_at), reason)


def ahead(cursor: Cursor, section: SectionName, package: Package) -> int:
    """See Store.ahead."""
    return _before(cursor, section, package, _AHEAD)


def retests_ahead(cursor: Cursor, section: SectionName, package: Package) -> int:
    """See Store.retests_ahead."""
    return _before(cursor, section, package, _RETESTS_AHEAD)


def _before(cursor: Cursor, section: SectionName, package: Package, question: str) -> int:
    key = find_section(cursor, section)
    place = cursor.execute(_PLACE, {**key.columns, "name": package}).fetchone()
    if place is None:
        return 0
    weight, tie, rank = place
    (number,) = cursor.execute(question, {**key.columns, "weight": weight, "tie": tie, "rank": rank}).fetchone()
    return int(number)


def pace(cursor: Cursor, section: SectionName, now: datetime) -> Pace:
    """See Store.pace."""
    key = find_section(cursor, section)
    seconds, tests = cursor.execute(
        "SELECT sum(seconds), count(seconds) FROM (SELECT seconds FROM run"
        " WHERE section_id = :section_id AND seconds IS NOT NULL"
        f" ORDER BY received_at DESC LIMIT {_TIMED_TESTS}) AS lately",
        {"section_id": key.id},
    ).fetchone()
    slaves = _slaves(cursor, key, now)
    drained = sorted(name for name, drained_at in slaves if drained_at is not None)
    return Pace(seconds / tests if tests else None, len(slaves) - len(drained), drained)


def _slaves(cursor: Cursor, key: SectionKey, now: datetime) -> Sequence[Row]:
    """Names of the slaves that were here lately, and since when they get nothing."""
    found: Sequence[Row] = cursor.execute(
        "SELECT slave.name, slave.drained_at FROM contact JOIN slave ON slave.name = contact.slave"
        " WHERE contact.section_id = :section_id AND contact.last_seen > :lately",
        {"section_id": key.id, "lately": micros(now - timedelta(seconds=ACTIVE_SECONDS))},
    ).fetchall()
    return found


def names_like(cursor: Cursor, section: SectionName, text: str) -> Sequence[Package]:
    """See Store.names_like."""
    key = find_section(cursor, section)
    beginning = text[:_PREFIX]
    rows = cursor.execute(
        "SELECT name FROM package WHERE section_id = :section_id AND generation = :generation AND listed = 1"
        f" AND (substr(name, 1, {_PREFIX}) = :beginning OR lower(name) LIKE lower(:part)) ORDER BY name LIMIT {_NAMES}",
        {**key.columns, "beginning": beginning, "part": f"%{_literal(text)}%"},
    )
    return [Package(row[0]) for row in rows]


def _literal(text: str) -> str:
    """A text without the characters that mean something in a pattern; no package's name has them."""
    return text.replace("%", "").replace("_", "")
