"""Results become history when packages leave or change version, never because a mirror is behind or broken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from demo.debs import DebSpec
from piufarm.names import Package
from piufarm.states import PackageState
from piufarm.store.model import Standing
from tests.master.mirrored import MirroredOffice
from tests.master.office import SID

_DAY = timedelta(days=1)


def _standings(mirrored: MirroredOffice) -> dict[str, Standing]:
    return {f"{run.package} {run.version}": run.standing for run in mirrored.office.store.runs(SID)}


def _with_results(mirrored: MirroredOffice) -> None:
    """Two packages with results, one of which the archive has got only lately."""
    mirrored.publish(DebSpec("a", "2"), DebSpec("fresh"), DebSpec("c"))
    mirrored.refresh()
    mirrored.office.converse("section sid\npass a 2\n x\n.\nfail fresh 1\n y\n.\n")


def test_a_mirror_that_has_fallen_back_takes_no_result_away(mirrored: MirroredOffice) -> None:
    _with_results(mirrored)
    mirrored.archive.publish("sid", [DebSpec("a", "1"), DebSpec("c")], date=datetime.now(UTC) - _DAY)
    completed = mirrored.refresh()
    assert completed.status == 0, completed.stderr
    assert b"retired" not in completed.stdout
    assert _standings(mirrored) == {"a 2": Standing.CURRENT, "fresh 1": Standing.CURRENT}
    assert mirrored.state("a") is PackageState.WAITING_TO_BE_TESTED
    assert mirrored.office.differences() == []
    mirrored.publish(DebSpec("a", "2"), DebSpec("fresh"), DebSpec("c"))
    mirrored.refresh()
    assert mirrored.state("a") is PackageState.SUCCESSFULLY_TESTED
    assert mirrored.state("fresh") is PackageState.FAILED_TESTING


def test_what_has_left_is_retired_by_the_first_index_that_is_newer_than_its_result(mirrored: MirroredOffice) -> None:
    _with_results(mirrored)
    earlier = datetime.now(UTC) - _DAY
    mirrored.archive.publish("sid", [DebSpec("a", "3"), DebSpec("c")], date=earlier)
    assert b"1 results retired" in mirrored.refresh().stdout
    assert _standings(mirrored) == {"a 2": Standing.RETIRED, "fresh 1": Standing.CURRENT}
    mirrored.publish(DebSpec("a", "3"), DebSpec("c"), DebSpec("d"))
    assert b"1 results retired" in mirrored.refresh().stdout
    assert _standings(mirrored)["fresh 1"] is Standing.RETIRED


def test_a_truncated_index_takes_no_result_away(mirrored: MirroredOffice) -> None:
    _with_results(mirrored)
    mirrored.publish(DebSpec("c"))
    mirrored.archive.truncate("sid")
    assert mirrored.refresh().status == 3
    assert set(_standings(mirrored).values()) == {Standing.CURRENT}
    assert mirrored.state("a") is PackageState.SUCCESSFULLY_TESTED


def test_an_index_that_is_implausibly_small_takes_no_result_away(mirrored: MirroredOffice) -> None:
    mirrored.publish(*(DebSpec(f"p{number}") for number in range(20)))
    mirrored.refresh()
    mirrored.office.converse("section sid\npass p1 1\n x\n.\nfail p19 1\n y\n.\n")
    mirrored.publish(DebSpec("p19"))
    assert mirrored.refresh().status == 3
    assert set(_standings(mirrored).values()) == {Standing.CURRENT}
    assert mirrored.refresh("--accept-shrink").status == 0
    assert _standings(mirrored) == {"p1 1": Standing.RETIRED, "p19 1": Standing.CURRENT}


def test_a_retired_result_of_a_version_that_comes_back_is_not_believed_again(mirrored: MirroredOffice) -> None:
    _with_results(mirrored)
    mirrored.publish(DebSpec("a", "3"), DebSpec("fresh"), DebSpec("c"))
    mirrored.refresh()
    mirrored.publish(DebSpec("a", "2"), DebSpec("fresh"), DebSpec("c"))
    mirrored.refresh()
    assert mirrored.state("a") is PackageState.WAITING_TO_BE_TESTED
    assert mirrored.office.store.package(SID, Package("a")) is not None
