"""Who tests what: handing candidates out to any number of sessions, and taking them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from piufarm.faults import fault_point
from piufarm.names import Package, SectionName, Version
from piufarm.states import PackageState
from piufarm.store.attempts import Reservation
from piufarm.store.sql import candidates, recycling, slaves
from piufarm.store.sql.candidates import Candidate, Choice
from piufarm.store.sql.database import Cursor, Parameters, Row
from piufarm.store.sql.rows import (
    SectionKey,
    count_change,
    find_section,
    keep_snapshot,
    lock_package,
    lock_section,
    micros,
    moment,
    note_change,
)

_EXPIRED_BATCH: Final = 100  # reservations that one transaction takes back: some 10 ms
_WHAT: Final = "section_id = :section_id AND package = :package AND version = :version"
_COLUMNS: Final = "package, version, owner, reserved_at, deadline, lease"


class Wish(NamedTuple):
    """What a slave asks for."""

    choice: Choice
    deadline: datetime
    number: int = 1
    lease: bool = False


def fair_count(cursor: Cursor, section: SectionName, wish: Wish) -> int:
    """How many packages a slave may get now: as many as it wants, but not so many that others run out of work."""
    owner, now, _ = wish.choice
    if owner is None:
        return wish.number
    key = find_section(cursor, section)
    shares = 2 * slaves.active(cursor, key, owner, now)
    free = candidates.number(cursor, key, wish.choice, at_most=wish.number * shares)
    return min(wish.number, max(1, free // shares))


def hand_out(cursor: Cursor, section: SectionName, wish: Wish) -> list[Reservation]:
    """Reserve the best candidates; fewer if there are no more, or if the slave may have no more."""
    owner, now, retest = wish.choice
    # giving a result up changes states, which is done by one transaction after the other
    key = lock_section(cursor, section) if retest else keep_snapshot(cursor, section)
    number = slaves.admitted(cursor, owner, now, wish.number)
    if not number:
        return []
    lock = cursor.locking("FOR NO KEY UPDATE OF p SKIP LOCKED")
    found = candidates.best(cursor, key, wish.choice, number, lock=lock)
    return [held for one in found if (held := _take(cursor, section, (key, one), wish)) is not None]


def _take(
    cursor: Cursor, section: SectionName, candidate: tuple[SectionKey, Candidate], wish: Wish
) -> Reservation | None:
    """Enter a reservation; None if somebody has it: whatever the flag of the package says, it is never given to two."""
    key, one = candidate
    what = {"section_id": key.id, "package": one.package, "version": one.version}
    cursor.execute(
        f"INSERT INTO reservation (section_id, {_COLUMNS}) VALUES (:section_id, :package, :version, :owner, :now,"
        " :deadline, :lease) ON CONFLICT (section_id, package, version) DO NOTHING",
        {
            **what, "owner": wish.choice.owner, "now": micros(wish.choice.now), "deadline": micros(wish.deadline),
            "lease": int(wish.lease),
        },
    )  # fmt: skip
    taken = cursor.rowcount > 0
    fault_point("reserve.entered")
    cursor.also("UPDATE package SET free = 0 WHERE id = :id", {"id": one.id})
    fault_point("reserve.no-longer-free")
    if not taken:
        return None
    if one.rank:
        recycling.unmark(cursor, key, what)
    if one.is_retest:
        _give_result_up(cursor, key, one.id, what)
        fault_point("reserve.result-given-up")
    owner, now, _ = wish.choice
    return Reservation(section, Package(one.package), Version(one.version), owner, now, wish.deadline, wish.lease)


def _give_result_up(cursor: Cursor, key: SectionKey, package_id: int, what: Parameters) -> None:
    """A failure that is tested again is history at once; a pass stays until there is something newer."""
    cursor.execute(
        f"UPDATE run SET standing = 'recycled' WHERE {_WHAT} AND standing = 'current' AND outcome <> 'pass'", what
    )
    if cursor.rowcount > 0:
        cursor.execute(
            "UPDATE package SET state = :state, reason = :reason, changed = :changed WHERE id = :id",
            {
                "id": package_id, "state": PackageState.WAITING_TO_BE_TESTED, "reason": "is being tested again",
                "changed": count_change(cursor, key),
            },
        )  # fmt: skip


def end(cursor: Cursor, what: Parameters, owner: str | None) -> datetime | None:
    """End the reservation of whoever holds it, or of nobody in particular; returns since when it was held.

    None if there is none, or it is somebody else's. The package must be locked.
    """
    row = cursor.execute(
        f"DELETE FROM reservation WHERE {_WHAT} AND (owner IS NULL OR owner = :owner) RETURNING reserved_at",
        {**what, "owner": owner},
    ).fetchone()
    if row is None:
        return None
    cursor.also(f"DELETE FROM lapsed WHERE {_WHAT} AND owner = :owner", {**what, "owner": owner})
    return moment(row[0])


def expired(cursor: Cursor, key: SectionKey, now: datetime) -> list[tuple[str, str, str | None, datetime]]:
    """End what was held beyond its deadline; returns package, version, owner and when it got it.

    The section must be locked. Its owner may still send a result: it will be late then, not unasked for.
    """
    rows = cursor.execute(
        "DELETE FROM reservation WHERE section_id = :section_id AND deadline <= :now AND (package, version) IN ("
        "SELECT package, version FROM reservation WHERE section_id = :section_id AND deadline <= :now"
        f" ORDER BY deadline LIMIT {_EXPIRED_BATCH}) RETURNING package, version, owner, reserved_at",
        {"section_id": key.id, "now": micros(now)},
    ).fetchall()
    for package, version, owner, reserved_at in rows:
        if owner is not None:
            cursor.execute(
                "INSERT INTO lapsed (section_id, package, version, owner, reserved_at)"
                " VALUES (:section_id, :package, :version, :owner, :reserved_at)"
                " ON CONFLICT (section_id, package, version, owner) DO UPDATE SET reserved_at = excluded.reserved_at",
                {
                    "section_id": key.id, "package": package, "version": version, "owner": owner,
                    "reserved_at": reserved_at,
                },
            )  # fmt: skip
    return [(package, version, owner, moment(reserved_at)) for package, version, owner, reserved_at in sorted(rows)]


def any_expired(cursor: Cursor, section: SectionName, now: datetime) -> bool:
    """Whether something is held beyond its deadline."""
    row = cursor.execute(
        "SELECT 1 FROM reservation WHERE section_id = (SELECT id FROM section WHERE name = :name)"
        " AND deadline <= :now LIMIT 1",
        {"name": section, "now": micros(now)},
    ).fetchone()
    return row is not None


def end_without_result(
    cursor: Cursor, key: SectionKey, what: dict[str, Any], now: datetime, *, handed_out_at: datetime | None
) -> None:
    """A package comes back untested: it is free, and if it has a result from before, to be tested again.

    Not so if nothing is said of when it was handed out.
    """
    outcome = None if handed_out_at is None else recycling.current_outcome(cursor, what, until=handed_out_at)
    if outcome is not None:
        note_change(cursor, key)  # before the rows of packages
        recycling.mark(cursor, key, what, micros(now), passed=outcome == "pass")
        cursor.execute(
            "UPDATE package SET retestable = 1 WHERE section_id = :section_id AND generation = :generation"
            " AND name = :package AND test_version = :version",
            {**what, **key.columns},
        )
    recycling.set_free(cursor, key, what)


def unreserve(
    cursor: Cursor, section: SectionName, package: tuple[Package, Version], owner: str | None, now: datetime
) -> bool:
    """See Store.unreserve."""
    key = lock_package(cursor, section, package[0])
    what = {"section_id": key.id, "package": package[0], "version": package[1]}
    handed_out_at = end(cursor, what, owner)
    if handed_out_at is None:
        return False
    fault_point("unreserve.ended")
    end_without_result(cursor, key, what, now, handed_out_at=handed_out_at)
    fault_point("unreserve.freed")
    return True


def renew(
    cursor: Cursor, section: SectionName, owner: str, since_until: tuple[datetime, datetime]
) -> Sequence[Reservation]:
    """See Store.renew."""
    since, deadline = map(micros, since_until)
    what = {"section_id": lock_section(cursor, section).id, "owner": owner, "since": since}
    held = "owner = :owner AND section_id = :section_id AND reserved_at > :since"
    cursor.execute(
        f"UPDATE reservation SET deadline = :deadline WHERE {held} AND deadline < :deadline",
        {**what, "deadline": deadline},
    )
    fault_point("renew.extended")
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM reservation WHERE {held} ORDER BY reserved_at, package", what
    ).fetchall()
    return [_reservation(section, row) for row in rows]


# Nothing extends what its owner does not seem to know of any more: see Store.abandon_reservations.
# The plus signs keep a database from walking through everybody's reservations until it meets the owner's.
_EXTENDED: Final = "owner = :owner AND +section_id = :section_id AND lease = 0 AND abandoned = 0"
HOLDS_UNTIL: Final = f"SELECT min(deadline + 0) FROM reservation WHERE {_EXTENDED}"


def holds_until(cursor: Cursor, section: SectionName, owner: str) -> datetime | None:
    """The first deadline of what `owner` has reserved and not abandoned, None if it has nothing."""
    (first,) = cursor.execute(
        HOLDS_UNTIL, {"owner": owner, "section_id": find_section(cursor, section).id}
    ).fetchone()
    return None if first is None else moment(first)


def extend_reservations(cursor: Cursor, section: SectionName, owner: str, deadline: datetime) -> None:
    """See Store.extend_reservations."""
    cursor.execute(
        f"UPDATE reservation SET deadline = :deadline WHERE {_EXTENDED} AND deadline < :deadline",
        {"deadline": micros(deadline), "owner": owner, "section_id": lock_section(cursor, section).id},
    )


def is_anything_left(cursor: Cursor, section: SectionName, owner: str, before: datetime) -> bool:
    """Whether `abandon` would change anything."""
    row = cursor.execute(
        f"SELECT 1 FROM reservation WHERE {_EXTENDED} AND reserved_at < :before LIMIT 1",
        {"owner": owner, "section_id": find_section(cursor, section).id, "before": micros(before)},
    ).fetchone()
    return row is not None


def abandon(cursor: Cursor, section: SectionName, owner: str, before: datetime) -> None:
    """See Store.abandon_reservations."""
    cursor.execute(
        f"UPDATE reservation SET abandoned = 1 WHERE {_EXTENDED} AND reserved_at < :before",
        {"owner": owner, "section_id": lock_section(cursor, section).id, "before": micros(before)},
    )


def is_anything_reserved(cursor: Cursor, section: SectionName) -> bool:
    """See Store.is_anything_reserved."""
    key = find_section(cursor, section)
    query = "SELECT 1 FROM reservation WHERE section_id = :section_id LIMIT 1"
    return cursor.execute(query, {"section_id": key.id}).fetchone() is not None


def reservations(cursor: Cursor, section: SectionName) -> Sequence[Reservation]:
    """See Store.reservations."""
    rows = cursor.execute(
        f"SELECT {_COLUMNS} FROM reservation WHERE section_id = :section_id ORDER BY reserved_at, package",
        {"section_id": find_section(cursor, section).id},
    )
    return [_reservation(section, row) for row in rows]


def _reservation(section: SectionName, row: Row) -> Reservation:
    package, version, owner, reserved_at, deadline, lease = row
    return Reservation(
        section, Package(package), Version(version), owner, moment(reserved_at), moment(deadline), bool(lease)
    )
