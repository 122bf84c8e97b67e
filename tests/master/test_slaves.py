"""`piufarm master slaves` and what `status` says about slaves that get no more packages."""

from __future__ import annotations

import json

import pytest

from piufarm.store.attempts import PROBATION_SECONDS, NewTrouble
from piufarm.trouble import TroubleKind
from tests.core.store.builders import HOUR, NOON
from tests.master.office import SID, Office

_SECOND = HOUR / 3600


@pytest.fixture
def drained(office: Office) -> Office:
    """An office in which worker1 got into trouble again and again, and worker2 did its work."""
    office.fill(*"abcdefghi")
    for number in range(6):
        office.store.reserve(SID, owner="worker1", now=NOON, deadline=NOON + HOUR)
        (held,) = office.store.reservations(SID)
        moment = NOON + number * _SECOND
        new = NewTrouble(
            f"t{number}", held.package, held.version, TroubleKind.CHROOT, "worker1", moment, 0, str(number)
        )
        office.store.record_trouble(SID, new, max_retries=99)
    office.converse("section sid\nreserve\n", slave="worker2")
    return office


def test_before_anybody_came_there_is_nobody_to_show(office: Office) -> None:
    assert office.command("slaves").stdout == b"no slave has been here\n"
    assert json.loads(office.command("slaves", "--json").stdout) == []


def test_the_list_says_who_is_there_and_how_it_goes(drained: Office) -> None:
    head, first, second = drained.command("slaves").stdout.decode().splitlines()
    assert head.split() == ["slave", "last", "seen", "holds", "last", "attempts"]
    assert first.startswith("worker1 ")
    assert "6 of 6 in trouble" in first
    assert "drained" in first or "on probation" in first  # the clock of this test stands still, the real one does not
    assert second.split()[0] == "worker2"
    assert second.endswith("none")


def test_the_list_for_programs_holds_everything(drained: Office) -> None:
    first, second = json.loads(drained.command("slaves", "--json").stdout)
    drained_at = NOON + 5 * _SECOND
    assert first == {
        "slave": "worker1",
        "last_seen": NOON.isoformat(),
        "holds": 0,
        "attempts": 6,
        "troubles": 6,
        "trouble_share": 1.0,
        "drained_at": drained_at.isoformat(),
        "probation_at": (drained_at + PROBATION_SECONDS * _SECOND).isoformat(),
    }
    assert (second["slave"], second["holds"], second["drained_at"]) == ("worker2", 1, None)


def test_a_slave_is_resumed_by_name(drained: Office) -> None:
    assert b"none" in drained.command("slaves", "--resume", "worker1").stdout
    assert [row.drained_at for row in drained.store.slaves()] == [None, None]
    assert drained.converse("section sid\nreserve\n")[-1].startswith("ok ")


def test_a_slave_that_was_never_here_cannot_be_resumed(drained: Office) -> None:
    completed = drained.command("slaves", "--resume", "worker")
    assert (completed.status, completed.stdout) == (2, b"")
    assert "no slave 'worker' has been here" in completed.stderr.decode()
    assert "did you mean worker" in completed.stderr.decode()


def test_status_names_slaves_that_get_no_packages(drained: Office) -> None:
    assert "worker1: " in drained.command("status").stdout.decode()
    (section,) = json.loads(drained.command("status", "--json").stdout)
    assert section["drained_slaves"] == ["worker1"]
    assert section["held_back"] == []
    assert section["to_be_tested_again"] == 0
