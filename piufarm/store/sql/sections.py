"""How sections hang together: in which others a section looks names up, and what it has seen of them."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.names import SectionName
from piufarm.store.model import ForeignSection
from piufarm.store.sql.database import Cursor
from piufarm.store.sql.rows import SectionKey, count_change, lock_section


def look_into(cursor: Cursor, section: SectionName, others: Sequence[SectionName]) -> None:
    """See Store.look_into."""
    key = lock_section(cursor, section)
    if looked_into(cursor, key) == list(others):
        return
    cursor.execute("DELETE FROM looks_into WHERE section_id = :section_id", {"section_id": key.id})
    cursor.executemany(
        "INSERT INTO looks_into (section_id, position, name) VALUES (:section_id, :position, :name)",
        [{"section_id": key.id, "position": position, "name": name} for position, name in enumerate(others)],
    )
    count_change(cursor, key)


def looked_into(cursor: Cursor, key: SectionKey) -> list[SectionName]:
    """The sections that this one looks into, in order."""
    rows = cursor.execute(
        "SELECT name FROM looks_into WHERE section_id = :section_id ORDER BY position", {"section_id": key.id}
    ).fetchall()
    return [SectionName(row[0]) for row in rows]


def evaluation_due(cursor: Cursor, section: SectionName) -> bool:
    """See Store.evaluation_due."""
    row = cursor.execute(
        """
        SELECT counter > evaluated OR EXISTS (SELECT 1 FROM looks_into JOIN section AS other
            ON other.name = looks_into.name WHERE looks_into.section_id = section.id AND other.generation > 0
                AND other.revision > seen)
        FROM section WHERE name = :name
        """,
        {"name": section},
    ).fetchone()
    return row is not None and bool(row[0])


def evaluated(cursor: Cursor, key: SectionKey) -> int:
    """Up to which change the states take account of what has happened."""
    (counter,) = cursor.execute("SELECT evaluated FROM section WHERE id = :id", {"id": key.id}).fetchone()
    return int(counter)


def mark_evaluated(cursor: Cursor, key: SectionKey, counter: int, others: Sequence[ForeignSection]) -> None:
    """Remember how much of what has happened the states now take account of."""
    # also if that is less than what another computation has seen, whose states these ones have replaced
    cursor.also("UPDATE section SET evaluated = :counter WHERE id = :id", {"id": key.id, "counter": counter})
    cursor.execute("UPDATE looks_into SET seen = 0 WHERE section_id = :section_id", {"section_id": key.id})
    cursor.executemany(
        "UPDATE looks_into SET seen = :seen WHERE section_id = :section_id AND name = :name",
        [{"section_id": key.id, "name": other.name, "seen": other.revision} for other in others],
    )


def revision(cursor: Cursor, section: SectionName) -> int:
    """A number that goes up whenever the states of a section change; 0 if there is no such section."""
    row = cursor.execute("SELECT revision FROM section WHERE name = :name", {"name": section}).fetchone()
    return int(row[0]) if row else 0


def states_changed(cursor: Cursor, key: SectionKey) -> None:
    """Let those who look into the section know that states have changed."""
    cursor.also("UPDATE section SET revision = revision + 1 WHERE id = :id", {"id": key.id})
