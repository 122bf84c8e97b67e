"""The table of docs/store.md: what a result means, by who sends it and what was before; through real sessions.

A row is a story: what slaves say one after the other, and what has become of their results in the end. A result is
named by its log, which is one word.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from piufarm.master.refresh.retirement import Retirement
from piufarm.master.session.machine import utc_now
from piufarm.names import Package
from piufarm.store.model import Standing
from tests.master.office import SID, Office
from tests.support.clone import CLONE
from tests.support.stores import on_both_stores

_HOUR = timedelta(hours=1)
_LAPSED = 49 * _HOUR


@dataclass(frozen=True)
class Says:
    """A slave says something in a session of its own, at that time; each request is answered as `answers` says."""

    slave: str | None
    text: str
    answers: str = "ok"
    at: timedelta = timedelta(0)

    def __call__(self, office: Office) -> None:
        requests = self.text.replace("; ", "\n") + "\n"
        lines = office.converse(f"section sid\n{requests}", slave=self.slave, later=self.at)
        assert lines[2:] == self.answers.split("; ")


def takes(slave: str | None, *, at: timedelta = timedelta(0)) -> Says:
    """A slave reserves the package."""
    return Says(slave, "reserve", "ok a 1", at)


def sends(slave: str | None, outcome: str, log: str, *, version: str = "1", at: timedelta = timedelta(0)) -> Says:
    """A slave sends a result."""
    return Says(slave, f"{outcome} a {version}\n {log}\n.", at=at)


def retakes(slave: str, *, at: timedelta = timedelta(0)) -> Says:
    """A slave gets the package to test it again."""
    return Says(slave, "recycle; reserve", "ok; ok a 1", at)


def archive_has(version: str) -> Callable[[Office], None]:
    """A refresh finds this version in the archive, or no package at all."""

    def refresh(office: Office) -> None:
        office.fill(*(["a"] if version else []), version=version or "1")
        Retirement(office.store, SID, office.files, print, None).retire(utc_now() + timedelta(seconds=1))

    return refresh


def is_marked(office: Office) -> None:
    """An administrator wants the package to be tested again."""
    office.store.queue_recycle(SID, [Package("a")], now=utc_now())
    office.settle()


@dataclass(frozen=True)
class Row:
    """What happens, and the end: how each result stands, the one in sight, who still holds the package."""

    what: str
    happens: tuple[Callable[[Office], None], ...]
    stand: Mapping[str, Standing]
    shown: str | None
    held_by: list[str | None] = field(default_factory=list)


CURRENT, SUPERSEDED, LATE, UNRESERVED, RETIRED, RECYCLED = (
    Standing.CURRENT, Standing.SUPERSEDED, Standing.LATE, Standing.UNRESERVED, Standing.RETIRED, Standing.RECYCLED,
)  # fmt: skip

TABLE = [
    Row("the holder's first result",
        (takes("w1"), sends("w1", "pass", "one")),
        {"one": CURRENT}, "pass/one"),
    Row("a result that nobody was asked for, the first one",
        (sends("w1", "fail", "one"),),
        {"one": CURRENT}, "fail/one"),
    Row("foreign, before the holder's",
        (takes("w1"), sends("w2", "fail", "foreign")),
        {"foreign": CURRENT}, "fail/foreign", ["w1"]),
    Row("the holder's after a foreign one",
        (takes("w1"), sends("w2", "fail", "foreign"), sends("w1", "pass", "holder")),
        {"foreign": SUPERSEDED, "holder": CURRENT}, "pass/holder"),
    Row("foreign, after the holder's",
        (takes("w1"), sends("w1", "pass", "holder"), sends("w2", "fail", "foreign")),
        {"holder": CURRENT, "foreign": UNRESERVED}, "pass/holder"),
    Row("of one slave, a second time and different, without being asked",
        (takes("w1"), sends("w1", "pass", "first"), sends("w1", "fail", "second")),
        {"first": CURRENT, "second": UNRESERVED}, "pass/first"),
    Row("the very same again: its ok was lost",
        (takes("w1"), sends("w1", "pass", "one"), sends("w1", "pass", "one")),
        {"one": CURRENT}, "pass/one"),
    Row("the very same of two slaves",
        (takes("w1"), sends("w1", "pass", "same"), sends("w2", "pass", "same")),
        {"same": CURRENT, "same ": UNRESERVED}, "pass/same"),
    Row("the same log with another outcome",
        (takes("w1"), sends("w1", "pass", "log"), sends("w1", "fail", "log")),
        {"log": CURRENT, "log ": UNRESERVED}, "pass/log"),
    Row("of a reservation that nobody owns",
        (takes(None), sends("w1", "pass", "one")),
        {"one": CURRENT}, "pass/one"),
    Row("without a name, for what somebody holds",
        (takes("w1"), sends("w1", "pass", "one"), sends(None, "fail", "anonymous")),
        {"one": CURRENT, "anonymous": UNRESERVED}, "pass/one"),
    Row("the holder's, past its deadline",
        (takes("w1"), sends("w1", "pass", "slow", at=_LAPSED)),
        {"slow": CURRENT}, "pass/slow"),
    Row("expired and reissued: the first holder comes first",
        (takes("w1"), takes("w2", at=_LAPSED), sends("w1", "fail", "slow", at=_LAPSED)),
        {"slow": CURRENT}, "fail/slow", ["w2"]),
    Row("expired and reissued: both come, the first holder first",
        (takes("w1"), takes("w2", at=_LAPSED), sends("w1", "fail", "slow", at=_LAPSED),
         sends("w2", "pass", "holder", at=_LAPSED)),
        {"slow": SUPERSEDED, "holder": CURRENT}, "pass/holder"),
    Row("expired and reissued: late",
        (takes("w1"), takes("w2", at=_LAPSED), sends("w2", "pass", "holder", at=_LAPSED),
         sends("w1", "fail", "late", at=_LAPSED)),
        {"holder": CURRENT, "late": LATE}, "pass/holder"),
    Row("late, and again, for its ok was lost",
        (takes("w1"), takes("w2", at=_LAPSED), sends("w2", "pass", "holder", at=_LAPSED),
         sends("w1", "fail", "late", at=_LAPSED), sends("w1", "fail", "late", at=_LAPSED)),
        {"holder": CURRENT, "late": LATE}, "pass/holder"),
    Row("given back, and then a result all the same",
        (takes("w1"), Says("w1", "unreserve a 1"), sends("w1", "pass", "one")),
        {"one": CURRENT}, "pass/one"),
    Row("given back by somebody else",
        (takes("w1"), Says("w2", "unreserve a 1"), sends("w1", "pass", "one")),
        {"one": CURRENT}, "pass/one"),
    Row("after a trouble, and somebody else has it",
        (takes("w1"), Says("w1", "features; trouble a 1 disk\n full\n.", "ok lease trouble zstd why; ok"), takes("w2"),
         sends("w1", "pass", "all-the-same")),
        {"all-the-same": CURRENT}, "pass/all-the-same", ["w2"]),
    Row("of a version that is not tested any more, until the next refresh",
        (takes("w1"), archive_has("2"), sends("w1", "pass", "old")),
        {"old": CURRENT}, "pass/old"),
    Row("of a version that is not tested any more",
        (takes("w1"), archive_has("2"), sends("w1", "pass", "old"), archive_has("2")),
        {"old": RETIRED}, None),
    Row("of a version that has got a result and is not tested any more",
        (sends("w1", "pass", "one"), archive_has("2"), sends("w2", "fail", "two"), archive_has("2")),
        {"one": RETIRED, "two": RETIRED}, None),
    Row("of a package that has left the archive",
        (takes("w1"), archive_has(""), sends("w1", "fail", "left"), archive_has("")),
        {"left": RETIRED}, None),
    Row("newer than the index",
        (sends("w1", "pass", "newer", version="2"), archive_has("1")),
        {"newer": CURRENT}, "pass/newer"),
    Row("older than the result of the version that is tested",
        (archive_has("2"), sends("w1", "pass", "new", version="2"), sends("w2", "fail", "old"), archive_has("2")),
        {"new": CURRENT, "old": RETIRED}, "pass/new"),
    Row("a failure that is tested again: history at once",
        (sends("w1", "fail", "old"), is_marked, retakes("w2")),
        {"old": RECYCLED}, None, ["w2"]),
    Row("a pass that is tested again: in sight until the new result",
        (sends("w1", "pass", "old"), is_marked, retakes("w2")),
        {"old": CURRENT}, "pass/old", ["w2"]),
    Row("the result of a retest",
        (sends("w1", "pass", "old"), is_marked, retakes("w2"), sends("w2", "fail", "new")),
        {"old": SUPERSEDED, "new": CURRENT}, "fail/new"),
    Row("foreign, during a retest of a pass",
        (sends("w1", "pass", "old"), is_marked, retakes("w2"), sends("w3", "fail", "foreign")),
        {"old": CURRENT, "foreign": UNRESERVED}, "pass/old", ["w2"]),
    Row("foreign, during a retest of a failure",
        (sends("w1", "fail", "old"), is_marked, retakes("w2"), sends("w3", "pass", "foreign")),
        {"old": RECYCLED, "foreign": CURRENT}, "pass/foreign", ["w2"]),
    Row("a retest that lapsed and nobody else got",
        (sends("w1", "pass", "old"), is_marked, retakes("w2"), Says("w3", "reserve", "error", _LAPSED),
         sends("w2", "fail", "new", at=_LAPSED)),
        {"old": SUPERSEDED, "new": CURRENT}, "fail/new"),
    Row("a retest that lapsed and somebody else got: late",
        (sends("w1", "pass", "old"), is_marked, retakes("w2"), retakes("w3", at=_LAPSED),
         sends("w2", "fail", "late", at=_LAPSED)),
        {"old": CURRENT, "late": LATE}, "pass/old", ["w3"]),
    Row("a retest that lapsed and somebody else has reported: late",
        (sends("w1", "pass", "old"), is_marked, retakes("w2"), retakes("w3", at=_LAPSED),
         sends("w3", "pass", "new", at=_LAPSED), sends("w2", "fail", "late", at=_LAPSED)),
        {"old": SUPERSEDED, "new": CURRENT, "late": LATE}, "pass/new"),
    Row("of a marked package, by somebody who was not asked",
        (sends("w1", "pass", "old"), is_marked, sends("w2", "fail", "foreign"), retakes("w2")),
        {"old": CURRENT, "foreign": UNRESERVED}, "pass/old", ["w2"]),
]  # fmt: skip


def rendered(row: Row) -> str:
    """A row as docs/store.md has it."""
    ends = ", ".join(f"{log.strip()}: {standing}" for log, standing in row.stand.items())
    holders = ", ".join(owner or "nobody" for owner in row.held_by)
    return f"| {row.what} | {ends} | {row.shown or '–'} | {holders or '–'} |"


def test_the_documentation_has_the_whole_table() -> None:
    text = (CLONE / "docs" / "store.md").read_text()
    head = "| What happens | The results in the end | In sight | Held by |\n|---|---|---|---|\n"
    assert head + "\n".join(map(rendered, TABLE)) + "\n\n" in text


@on_both_stores
@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.what)
def test_results_mean_what_the_table_says(office: Office, row: Row) -> None:
    office.fill("a")
    for step in row.happens:
        step(office)
    runs = list(office.store.runs(SID, package=Package("a")))
    logs = {run.run_id: office.files.run_log(run.run_id).read_text().strip() for run in runs}
    assert sorted((logs[run.run_id], run.standing) for run in runs) == sorted(
        (log.strip(), standing) for log, standing in row.stand.items()
    )
    assert [f"{log.parent.name}/{log.read_text().strip()}" for log in office.classic_logs()] == (
        [row.shown] if row.shown else []
    )
    assert [held.owner for held in office.store.reservations(SID)] == row.held_by
    assert office.differences() == []
