"""`piufarm master status`, for people and for programs."""

from __future__ import annotations

import json

from tests.master.office import Office


def test_status_shows_states_and_who_tests_what(office: Office) -> None:
    office.fill("a", "b -> a")
    office.converse("section sid\nreserve\n")
    text = office.command("status").stdout.decode()
    assert "sid: 2 packages, refreshed" in text
    assert "1  waiting-to-be-tested" in text
    assert "a 1: with worker1, reserved" in text
    assert "failed-testing" not in text


def test_status_counts_the_packages_of_each_slave_if_there_are_many(office: Office) -> None:
    office.fill(*(f"p{number}" for number in range(30)))
    office.converse("section sid\n" + "reserve\n" * 25)
    office.converse("section sid\nreserve\n", slave="worker2")
    text = office.command("status").stdout.decode()
    assert "25 packages: with worker1, the first reserved" in text
    assert text.count("with worker2, reserved") == 1


def test_status_says_what_to_do_with_a_section_that_was_never_refreshed(office: Office) -> None:
    assert "never refreshed: run `piufarm master refresh`" in office.command("status").stdout.decode()


def test_status_as_json_holds_everything(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nreserve\n")
    (section,) = json.loads(office.command("status", "--json").stdout)
    assert section["section"] == "sid"
    assert section["total"] == 1
    assert section["states"]["waiting-to-be-tested"] == 1
    assert len(section["states"]) == 10
    assert [held["slave"] for held in section["reservations"]] == ["worker1"]
    assert section["evaluation_due"] is False


def test_status_without_a_store_names_the_next_step(office: Office) -> None:
    for file in office.master_directory.glob("piufarm.sqlite*"):
        file.unlink()
    completed = office.command("status")
    assert completed.status == 3
    assert "no store at" in completed.stderr.decode()
    assert "piufarm master refresh" in completed.stderr.decode()
