"""What a section takes over from its archive, and what it refuses to believe."""

from __future__ import annotations

import os
import time

import pytest

from demo.debs import DebSpec
from piufarm.names import Package
from piufarm.run import PIPE, spawn
from piufarm.states import PackageState
from piufarm.store.model import Standing
from tests.master.mirrored import MirroredOffice
from tests.master.office import SID
from tests.support.clone import PIUFARM


def _packages(count: int) -> list[DebSpec]:
    return [DebSpec(f"p{number}") for number in range(count)]


def test_a_refresh_takes_the_packages_over_and_computes_their_states(mirrored: MirroredOffice) -> None:
    user = DebSpec("user", depends="base", source="suite (3)")
    mirrored.publish(DebSpec("base", "1:2"), user, DebSpec("sad", depends="no"))
    completed = mirrored.refresh()
    assert completed.status == 0, completed.stderr
    assert "3 packages: 3 new" in completed.stdout.decode()
    assert mirrored.versions() == {"base": "1:2", "user": "1", "sad": "1"}
    row = mirrored.office.store.package(SID, Package("user"))
    assert row is not None
    assert (row.source, row.source_version, row.state) == ("suite", "3", PackageState.WAITING_FOR_DEPENDENCY)
    assert mirrored.state("base") is PackageState.WAITING_TO_BE_TESTED
    assert mirrored.state("sad") is PackageState.DEPENDENCY_DOES_NOT_EXIST
    assert not mirrored.office.store.evaluation_due(SID)


def test_an_unchanged_archive_is_not_read_again(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.refresh()
    before = mirrored.office.store.section(SID)
    completed = mirrored.refresh()
    after = mirrored.office.store.section(SID)
    assert b"unchanged, 1 packages" in completed.stdout
    assert before is not None
    assert after is not None
    assert before.generation == after.generation
    assert before.refreshed_at is not None
    assert after.refreshed_at is not None
    assert before.refreshed_at < after.refreshed_at


def test_what_a_killed_session_never_finished_goes_when_no_session_can_be_so_old(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.office.converse("section sid\npass a 1\n x\n.\n")
    for name, hours in (("old", 7), ("young", 1)):
        leftover = mirrored.office.files.runs / f".new-{name}"
        leftover.touch()
        os.utime(leftover, (time.time() - hours * 3600,) * 2)
    assert ".new-old was never finished: removed" in mirrored.refresh().stdout.decode()
    assert [path.name for path in mirrored.office.files.runs.glob(".new-*")] == [".new-young"]


def test_other_globs_are_a_change(mirrored: MirroredOffice) -> None:
    provider = DebSpec("p", fields={"Provides": "virt"})
    mirrored.publish(DebSpec("hello", depends="libc6, virt"), DebSpec("libc6"), provider)
    mirrored.reopen("packages = hel*")
    mirrored.refresh()
    assert mirrored.versions() == {"hello": "1"}
    assert mirrored.state("hello") is PackageState.WAITING_TO_BE_TESTED
    outside = [node.name for node in mirrored.office.store.snapshot(SID).nodes if not node.listed]
    assert outside == ["libc6", "p"]
    mirrored.reopen("packages = hello lib*")
    mirrored.refresh()
    assert mirrored.versions() == {"hello": "1", "libc6": "1"}
    assert mirrored.state("hello") is PackageState.WAITING_FOR_DEPENDENCY


@pytest.mark.parametrize(
    ("damage", "reason"),
    [("truncate", "bytes"), ("strip_signature", "sign"), ("tamper", "signature"), ("expire", "expired")],
)
def test_a_damaged_archive_is_refused_and_the_old_data_stays(
    mirrored: MirroredOffice, damage: str, reason: str
) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.reopen("check-valid-until = yes")
    mirrored.refresh()
    mirrored.publish(DebSpec("a", "2"))
    getattr(mirrored.archive, damage)("sid")
    completed = mirrored.refresh()
    assert completed.status == 3
    assert reason in completed.stderr.decode()
    assert "Traceback" not in completed.stderr.decode()
    assert mirrored.versions() == {"a": "1"}


def test_a_mirror_that_is_down_is_refused_and_the_old_data_stays(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.refresh()
    mirrored.server.broken = True
    assert mirrored.refresh().status == 3
    assert mirrored.versions() == {"a": "1"}


def test_an_implausibly_shrunken_archive_is_refused_until_an_administrator_believes_it(
    mirrored: MirroredOffice,
) -> None:
    mirrored.publish(*_packages(10))
    mirrored.refresh()
    mirrored.office.converse("section sid\npass p9 1\n x\n.\n")
    mirrored.publish(*_packages(4))
    completed = mirrored.refresh()
    assert completed.status == 3
    assert "has only 4 packages, 10 before" in completed.stderr.decode()
    assert "--accept-shrink" in completed.stderr.decode()
    assert len(mirrored.versions()) == 10
    assert [run.standing for run in mirrored.office.store.runs(SID)] == [Standing.CURRENT]
    assert mirrored.refresh("--accept-shrink").status == 0
    assert len(mirrored.versions()) == 4


@pytest.mark.parametrize(("before", "after"), [(40, 32), (7, 2), (3, 1), (1, 1)])
def test_an_archive_may_lose_as_many_packages_as_max_shrink_says_or_a_handful(
    mirrored: MirroredOffice, before: int, after: int
) -> None:
    mirrored.publish(*_packages(before))
    mirrored.refresh()
    mirrored.publish(*_packages(after))
    assert mirrored.refresh().status == 0
    assert len(mirrored.versions()) == after


def test_an_archive_that_is_empty_all_at_once_is_not_believed(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.refresh()
    mirrored.publish()
    assert mirrored.refresh().status == 3
    assert mirrored.versions() == {"a": "1"}


def test_refreshes_at_once_do_not_get_in_each_others_way(mirrored: MirroredOffice) -> None:
    mirrored.publish(*_packages(5))
    config = mirrored.office.config
    three = [
        spawn([PIUFARM, "master", "refresh", "--config", config], stdout=PIPE, stderr=PIPE) for _ in range(3)
    ]
    ended = [process.communicate() for process in three]
    assert [process.returncode for process in three] == [0, 0, 0], ended
    assert sum(b"unchanged" in out for out, _ in ended) == 2
    assert len(mirrored.versions()) == 5


def test_a_section_whose_files_cannot_be_written_does_not_keep_the_others_from_being_refreshed(
    mirrored: MirroredOffice,
) -> None:
    mirrored.publish(DebSpec("a"))
    before, _, keys = mirrored.office.config.read_text().partition("[sid]")
    before = before.replace("sections = sid", "sections = first sid")
    mirrored.office.config.write_text(f"{before}[first]{keys.partition('[other]')[0]}[sid]{keys}")
    (mirrored.office.master_directory / "first").write_text("not a folder")
    completed = mirrored.office.command("refresh")
    assert completed.status == 3
    assert "first: not refreshed" in completed.stderr.decode()
    assert "Traceback" not in completed.stderr.decode()
    assert mirrored.versions() == {"a": "1"}


def test_results_of_packages_that_left_or_changed_version_go_to_the_archive_folder(mirrored: MirroredOffice) -> None:
    mirrored.publish(*_packages(10))
    mirrored.refresh()
    mirrored.office.converse("section sid\npass p0 1\n x\n.\nfail p1 1\n y\n.\npass p2 1\n z\n.\n")
    mirrored.publish(*_packages(10)[1:], DebSpec("p1", "2"))
    completed = mirrored.refresh()
    assert b"2 results retired" in completed.stdout
    root = mirrored.office.files.root
    assert (root / "archive" / "pass" / "p0_1.log").read_text() == "x\n"
    assert (root / "archive" / "fail" / "p1_1.log").read_text() == "y\n"
    assert [log.name for log in sorted(root.glob("pass/*"))] == ["p2_1.log"]
    assert list(root.glob("fail/*")) == []
    assert mirrored.state("p1") is PackageState.WAITING_TO_BE_TESTED
    assert mirrored.state("p2") is PackageState.SUCCESSFULLY_TESTED
    assert mirrored.office.differences() == []


def test_a_result_newer_than_the_index_is_not_retired(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a", "1"))
    mirrored.refresh()
    mirrored.office.converse("section sid\npass a 2\n x\n.\n")
    assert mirrored.refresh().status == 0
    assert [run.standing for run in mirrored.office.store.runs(SID)] == [Standing.CURRENT]


def test_a_section_keeps_what_an_interrupted_refresh_left_to_do(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a", "1"), DebSpec("b"))
    mirrored.refresh()
    mirrored.office.converse("section sid\npass a 1\n x\n.\n")
    mirrored.publish(DebSpec("a", "2"), DebSpec("b"))
    mirrored.refresh()
    (run,) = mirrored.office.store.runs(SID)
    assert run.standing is Standing.RETIRED
    (mirrored.office.files.root / "archive" / "pass" / "a_1.log").rename(mirrored.office.files.classic_of(run))
    (difference,) = mirrored.office.differences()
    assert difference.mend is not None
    difference.mend()
    assert mirrored.office.differences() == []


def test_logs_that_a_person_moved_are_taken_over(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    mirrored.refresh()
    mirrored.office.converse("section sid\nfail a 1\n x\n.\n")
    bugged = mirrored.office.files.root / "bugged"
    bugged.mkdir()
    (mirrored.office.files.root / "fail" / "a_1.log").rename(bugged / "a_1.log")
    assert b"moved to bugged/: taken over" in mirrored.refresh().stdout
    assert [run.placement for run in mirrored.office.store.runs(SID)] == ["bugged"]
    assert mirrored.state("a") is PackageState.FAILED_TESTING
    assert mirrored.office.differences() == []


def test_an_upgrade_section_tests_the_version_of_the_last_suite(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("stays", "1"), DebSpec("vanishes", "1"), suite="old")
    mirrored.publish(DebSpec("stays", "2"), DebSpec("appears", "1"), suite="new")
    office = mirrored.reopen("upgrade-test-distros = old new")
    office.config.write_text(office.config.read_text().replace("distro = sid", "distro = old", 1))
    completed = mirrored.refresh()
    assert completed.status == 0, completed.stderr
    assert mirrored.versions() == {"stays": "2", "vanishes": "None"}
    assert mirrored.office.converse("section sid\nreserve\nreserve\nreserve\n")[-1] == "error"
    assert {held.version for held in mirrored.office.store.reservations(SID)} == {"2", "None"}


def test_a_package_that_cannot_be_understood_is_told_and_left_out(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("fine"), DebSpec("odd", fields={"Provides": "a_b"}))
    completed = mirrored.refresh()
    assert completed.status == 0
    assert b"odd 1 is left out" in completed.stdout
    assert mirrored.versions() == {"fine": "1"}


def test_one_section_in_trouble_does_not_keep_the_others_from_being_refreshed(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a"))
    text = mirrored.office.config.read_text().replace("sections = sid", "sections = other sid")
    mirrored.office.config.write_text(f"{text}mirror = http://127.0.0.1:9/none\n")
    completed = mirrored.office.command("refresh")
    assert completed.status == 3
    assert "other: not refreshed" in completed.stderr.decode()
    assert mirrored.versions() == {"a": "1"}


def test_an_unknown_section_is_a_usage_error_with_a_suggestion(mirrored: MirroredOffice) -> None:
    completed = mirrored.office.command("refresh", "sidd")
    assert completed.status == 2
    assert "did you mean sid?" in completed.stderr.decode()


def test_a_reservation_of_an_old_version_is_answered_and_then_retired(mirrored: MirroredOffice) -> None:
    mirrored.publish(DebSpec("a", "1"), DebSpec("b"))
    mirrored.refresh()
    mirrored.office.converse("section sid\nreserve\n")
    mirrored.publish(DebSpec("a", "2"), DebSpec("b", "2"))
    mirrored.refresh()
    (held,) = mirrored.office.store.reservations(SID)
    lines = mirrored.office.converse(f"section sid\nuntestable {held.package} 1\n gone\n.\n")
    assert lines == ["hello", "ok", "ok"]
    assert mirrored.state(held.package) is PackageState.WAITING_TO_BE_TESTED
    mirrored.refresh()
    assert [run.standing for run in mirrored.office.store.runs(SID)] == [Standing.RETIRED]
