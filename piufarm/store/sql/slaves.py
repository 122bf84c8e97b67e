"""The slaves of the farm: when they were here, how their last attempts ended, and which of them get no more work."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from piufarm.names import SectionName
from piufarm.store.attempts import (
    ACTIVE_SECONDS,
    ATTEMPTS_KEPT,
    PROBATION_SECONDS,
    SlaveRow,
    has_too_much_trouble,
)
from piufarm.store.sql.database import Cursor, Row
from piufarm.store.sql.rows import SectionKey, find_section, lock_section, micros, moment

_CONTACT_SECONDS: Final = 60  # contacts of a slave that come closer than this are written down once
_RESULT: Final = "+"
_TROUBLE: Final = "-"
_SELECT: Final = (
    "SELECT name, last_seen, attempts, drained_at, (SELECT count(*) FROM reservation WHERE owner = slave.name)"
    " FROM slave"
)


def seen_lately(cursor: Cursor, section: SectionName, slave: str, now: datetime) -> bool:
    """Whether a contact at this time need not be written down."""
    row = cursor.execute(
        "SELECT last_seen FROM contact WHERE section_id = :section_id AND slave = :slave",
        {"section_id": find_section(cursor, section).id, "slave": slave},
    ).fetchone()
    return row is not None and abs(micros(now) - row[0]) < _CONTACT_SECONDS * 1_000_000


def note_contact(cursor: Cursor, section: SectionName, slave: str, now: datetime) -> None:
    """See Store.note_contact."""
    key = find_section(cursor, section)
    if key.id < 0:
        key = lock_section(cursor, section)
    what = {"section_id": key.id, "slave": slave, "now": micros(now)}
    cursor.execute(
        "INSERT INTO contact (section_id, slave, last_seen) VALUES (:section_id, :slave, :now)"
        " ON CONFLICT (section_id, slave) DO UPDATE SET last_seen = excluded.last_seen",
        what,
    )
    cursor.execute(
        "INSERT INTO slave (name, last_seen) VALUES (:slave, :now)"
        " ON CONFLICT (name) DO UPDATE SET last_seen = excluded.last_seen",
        what,
    )


def active(cursor: Cursor, key: SectionKey, owner: str, now: datetime) -> int:
    """How many slaves share a section, `owner` among them."""
    (others,) = cursor.execute(
        "SELECT count(*) FROM contact WHERE section_id = :section_id AND last_seen > :lately AND slave <> :owner",
        {"section_id": key.id, "lately": micros(now - timedelta(seconds=ACTIVE_SECONDS)), "owner": owner},
    ).fetchone()
    return 1 + int(others)


def admitted(cursor: Cursor, owner: str | None, now: datetime, count: int) -> int:
    """How many packages of `count` a slave may get: all, or one or none of them if it is drained."""
    row = None if owner is None else slave(cursor, owner)
    if row is None or row.drained_at is None:
        return count
    return 1 if row.is_on_probation(now) and not row.holds else 0


def note_results(cursor: Cursor, slave: str, now: datetime, *, held_since: datetime | None) -> None:
    """A slave has sent a result; if it was handed out to it on probation, the slave works again."""
    was_on_probation = "slave.drained_at < :held_since OR slave.drained_at > :to_come"
    to_come = None if held_since is None else micros(held_since + timedelta(seconds=PROBATION_SECONDS))
    cursor.also(
        f"""
        INSERT INTO slave (name, last_seen, attempts) VALUES (:slave, :now, '{_RESULT}') ON CONFLICT (name) DO UPDATE
        SET attempts = CASE WHEN {was_on_probation} THEN '{_RESULT}'
                WHEN length(slave.attempts) < {ATTEMPTS_KEPT} THEN slave.attempts || '{_RESULT}'
                ELSE substr(slave.attempts, 2) || '{_RESULT}' END,
            drained_at = CASE WHEN {was_on_probation} THEN NULL ELSE slave.drained_at END
        """,
        {
            "slave": slave, "now": micros(now), "held_since": None if held_since is None else micros(held_since),
            "to_come": to_come,
        },
    )  # fmt: skip


def note_troubles(cursor: Cursor, names: Collection[str], now: datetime) -> set[str]:
    """An attempt of each of these slaves has ended in trouble; returns those that are drained from now on.

    A slave that is drained already is so from now on anew, for its time of probation has brought trouble, too.
    """
    drained = set()
    for name in sorted(names):  # in one order, so that no two transactions wait for each other
        row = _locked(cursor, name, now)
        attempts = (*row.attempts, False)[-ATTEMPTS_KEPT:]
        drained_at = row.drained_at
        if drained_at is not None or has_too_much_trouble(attempts):
            if drained_at is None:
                drained.add(name)
            drained_at = now
        _write(cursor, name, attempts, drained_at)
    return drained


def _locked(cursor: Cursor, name: str, now: datetime) -> SlaveRow:
    cursor.execute(
        "INSERT INTO slave (name, last_seen) VALUES (:name, :now) ON CONFLICT (name) DO NOTHING",
        {"name": name, "now": micros(now)},
    )
    lock = cursor.locking("FOR NO KEY UPDATE")
    row = cursor.execute(f"{_SELECT} WHERE name = :name {lock}", {"name": name}).fetchone()
    return _slave(row)


def _write(cursor: Cursor, name: str, attempts: Sequence[bool], drained_at: datetime | None) -> None:
    cursor.execute(
        "UPDATE slave SET attempts = :attempts, drained_at = :drained_at WHERE name = :name",
        {
            "name": name,
            "attempts": "".join(_RESULT if good else _TROUBLE for good in attempts[-ATTEMPTS_KEPT:]),
            "drained_at": None if drained_at is None else micros(drained_at),
        },
    )


def resume(cursor: Cursor, name: str) -> bool:
    """See Store.resume_slave."""
    cursor.execute("UPDATE slave SET drained_at = NULL, attempts = '' WHERE name = :name", {"name": name})
    return cursor.rowcount > 0


def slaves(cursor: Cursor) -> Sequence[SlaveRow]:
    """See Store.slaves."""
    return [_slave(row) for row in cursor.execute(f"{_SELECT} ORDER BY name").fetchall()]


def slave(cursor: Cursor, name: str) -> SlaveRow | None:
    """The slave of a name, None if it has never been here."""
    row = cursor.execute(f"{_SELECT} WHERE name = :name", {"name": name}).fetchone()
    return _slave(row) if row else None


def _slave(row: Row) -> SlaveRow:
    name, last_seen, attempts, drained_at, holds = row
    return SlaveRow(
        name,
        moment(last_seen),
        tuple(attempt == _RESULT for attempt in attempts),
        None if drained_at is None else moment(drained_at),
        holds,
    )
