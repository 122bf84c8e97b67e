"""What a slave that knows our features is told: several packages at once, kept by renewing, troubles with evidence."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from piufarm.protocol import RemoteProtocolError
from piufarm.trouble import TroubleKind
from tests.master.office import SID, Office
from tests.support.stores import on_both_stores

pytestmark = on_both_stores

_OPEN = "section sid\nfeatures\n"
_HEAD = ["hello", "ok", "ok lease trouble zstd why"]
_HOUR = timedelta(hours=1)


def _packages(office: Office, count: int) -> None:
    office.fill(*(f"p{number:02}" for number in range(count)))


def test_a_slave_with_a_name_is_offered_leases_and_one_without_is_not(office: Office) -> None:
    assert office.converse(_OPEN) == _HEAD
    assert office.converse(_OPEN, slave=None)[-1] == "ok trouble zstd why"


@pytest.mark.parametrize("request_", ["lease 3", "renew", "trouble a 1 disk"])
def test_before_the_question_for_features_their_verbs_are_unknown_commands(office: Office, request_: str) -> None:
    with pytest.raises(RemoteProtocolError, match="unknown command"):
        office.converse(f"section sid\n{request_}\n")


def test_a_lease_names_packages_and_for_how_many_seconds(office: Office) -> None:
    _packages(office, 8)
    *_, lease = office.converse(_OPEN + "lease 3\n")
    words = lease.split()
    assert words[:2] == ["ok", "1800"]
    assert len(words) == 2 + 2 * 3
    held = office.store.reservations(SID)
    assert {(one.package, one.version) for one in held} == set(zip(words[2::2], words[3::2], strict=True))
    assert all(one.lease and one.owner == "worker1" for one in held)


def test_without_a_candidate_a_lease_is_an_error(office: Office) -> None:
    assert office.converse(_OPEN + "lease 3\n") == [*_HEAD, "error"]


def test_renewing_lists_what_is_held_and_what_was_lost_is_not_on_it(office: Office) -> None:
    _packages(office, 4)
    *_, lease = office.converse(_OPEN + "lease 2\n")
    one, two = lease.split()[2], lease.split()[4]
    *_, passed, renewed = office.converse(_OPEN + f"pass {one} 1\n log\n.\nrenew\n")
    assert (passed, renewed) == ("ok", f"ok 1800 {two} 1")
    office.converse("section sid\nreserve\n", slave="worker2", later=_HOUR)  # takes back what is over
    assert office.converse(_OPEN + "renew\n", later=_HOUR)[-1] == "ok 1800"


def test_a_renewed_lease_does_not_lapse(office: Office) -> None:
    _packages(office, 1)
    office.converse(_OPEN + "lease 1\n")
    for _ in range(3):
        office.converse(_OPEN + "renew\n")
    assert office.converse("section sid\nreserve\n", slave="worker2", later=_HOUR / 3)[-1] == "error"
    assert office.converse("section sid\nreserve\n", slave="worker2", later=_HOUR)[-1] == "ok p00 1"
    journal = (office.files.root / "master.log").read_text()
    assert "p00 1 was not heard of again from worker1" in journal


def test_what_a_slave_has_forgotten_is_not_renewed_for_ever(office: Office) -> None:
    """Of a slave that has lost its disk, or whose number nobody starts any more; another one renews in its name."""
    _packages(office, 1)
    office.converse(_OPEN + "lease 1\n")
    replies = [office.converse(_OPEN + "renew\n", later=days * 24 * _HOUR)[-1] for days in (1, 1.9, 2.1)]
    assert replies == ["ok 1800 p00 1", "ok 1800 p00 1", "ok 1800"]
    assert office.converse("section sid\nreserve\n", slave="worker2", later=51 * _HOUR)[-1] == "ok p00 1"


def test_a_slave_that_leases_keeps_no_earlier_reservation_alive_that_it_does_not_know_of(office: Office) -> None:
    _packages(office, 1)
    office.converse("section sid\nreserve\n")
    replies = [office.converse(_OPEN + "lease 1\n", later=hours * _HOUR)[-1] for hours in (1, 25, 47)]
    assert replies == ["error"] * 3
    assert office.converse("section sid\nreserve\n", slave="worker2", later=50 * _HOUR)[-1] == "ok p00 1"


def test_a_trouble_keeps_its_evidence_and_gives_the_package_back(office: Office) -> None:
    _packages(office, 1)
    office.converse(_OPEN + "lease 1\n")
    assert office.converse(_OPEN + "trouble p00 1 network\n E: no route\n.\n")[-1] == "ok"
    (trouble,) = office.store.troubles(SID)
    assert (trouble.kind, trouble.slave) == (TroubleKind.NETWORK, "worker1")
    assert (office.files.root / str(trouble.log)).read_text() == "E: no route\n"
    assert office.store.reservations(SID) == []
    assert list(office.store.runs(SID)) == []
    assert office.converse("section sid\nreserve\n", slave="worker2")[-1] == "ok p00 1"
    assert office.differences() == []


def test_a_trouble_that_is_cut_off_leaves_nothing(office: Office) -> None:
    _packages(office, 1)
    office.converse(_OPEN + "lease 1\n")
    with pytest.raises(RemoteProtocolError):
        office.converse(_OPEN + "trouble p00 1 network\n E: no rou")
    assert office.store.troubles(SID) == []
    assert list(office.files.trouble.iterdir()) == []
    assert len(office.store.reservations(SID)) == 1


def test_a_trouble_sent_twice_is_stored_once_and_makes_up_for_lost_evidence(office: Office) -> None:
    _packages(office, 1)
    office.converse(_OPEN + "lease 1\n")
    text = _OPEN + "trouble p00 1 disk\n full\n.\n"
    office.converse(text)
    (log,) = office.files.trouble.iterdir()
    log.unlink()
    assert [difference.mend for difference in office.differences()] == [None]
    assert office.converse(text)[-1] == "ok"
    assert log.read_text() == "full\n"
    assert len(office.store.troubles(SID)) == 1
    assert office.differences() == []


def test_after_too_many_attempts_a_package_is_held_back_and_recycling_lets_it_go(office: Office) -> None:
    _packages(office, 1)
    for number in range(3):
        slave = f"worker{number}"
        assert office.converse(_OPEN + "lease 1\n", slave=slave)[-1] == "ok 1800 p00 1"
        office.converse(_OPEN + f"trouble p00 1 chroot\n {number}\n.\n", slave=slave)
    *_, idle, reserve = office.converse("section sid\nidle\nreserve\n", slave="worker9")
    assert int(idle.split()[1]) > 0
    assert reserve == "error"
    assert "p00 1 is held back: too many attempts ended in trouble" in (office.files.root / "master.log").read_text()
    status = office.command("status").stdout.decode()
    assert "p00 1: held back, for testing this version only led to trouble: chroot (worker0), " in status
    assert office.command("recycle", "--held-back", "--dry-run").stdout == b"sid: p00\n"
    assert office.command("recycle", "--held-back").stdout == b"sid: 1 package to be tested again\n"
    assert office.converse("section sid\nreserve\n", slave="worker9")[-1] == "ok p00 1"


def test_a_slave_with_too_much_trouble_gets_nothing_and_is_reported_once(office: Office) -> None:
    _packages(office, 9)
    for number in range(6):
        *_, lease = office.converse(_OPEN + "lease 1\n")
        office.converse(_OPEN + f"trouble {lease.split()[2]} 1 chroot\n {number}\n.\n")
        for hold in office.store.holds(SID):
            office.store.queue_recycle(SID, [hold.package], now=hold.held_at)
    assert office.converse(_OPEN + "lease 1\nreserve\n")[-2:] == ["error", "error"]
    assert office.converse("section sid\nreserve\n", slave="worker2")[-1].startswith("ok p0")
    journal = (office.files.root / "master.log").read_text()
    assert journal.count("worker1 gets no more packages") == 1
    assert "worker1: drained" in office.command("status").stdout.decode()


def test_a_drained_slave_that_dies_is_told_by_who_finds_out(office: Office) -> None:
    _packages(office, 14)
    for death in range(6):
        office.converse(_OPEN + "lease 1\n", later=death * _HOUR)
    office.converse("section sid\nreserve\n", slave="worker2", later=6 * _HOUR)
    journal = (office.files.root / "master.log").read_text()
    assert journal.count("worker1 gets no more packages") == 1
    assert journal.count("was not heard of again from worker1") == 6


def test_after_a_master_that_was_down_for_hours_every_slave_goes_on(office: Office) -> None:
    _packages(office, 200)
    slaves = ["worker1", "worker2", "worker3"]
    for slave in slaves:
        assert office.converse(_OPEN + "lease 20\n", slave=slave)[-1].startswith("ok")
    for slave in slaves:
        assert office.converse(_OPEN + "renew\nlease 5\n", slave=slave, later=3 * _HOUR)[-1].startswith("ok")


def test_a_compressed_log_arrives_as_it_was(office: Office) -> None:
    from zstandard import ZstdCompressor

    _packages(office, 1)
    frame = ZstdCompressor().compress(b"a log\n.\n \n")
    head = f"{_OPEN}lease 1\npass p00 1 zstd {len(frame)}\n".encode()
    assert office.converse(head + frame)[-1] == "ok"
    assert (office.files.root / "pass" / "p00_1.log").read_bytes() == b"a log\n.\n \n"


def test_troubles_are_listed_with_their_evidence(office: Office) -> None:
    _packages(office, 30)
    assert office.command("troubles").stdout == b"no trouble\n"
    for number in range(21):
        *_, lease = office.converse(_OPEN + "lease 1\n", slave=f"worker{number}")
        office.converse(_OPEN + f"trouble {lease.split()[2]} 1 mirror\n {number}\n.\n", slave=f"worker{number}")
    first, *_, last = office.command("troubles").stdout.decode().splitlines()
    assert ": mirror with worker20 " in first
    assert Path(first.rpartition(": ")[2]).read_text() == "20\n"
    assert last == "sid: and 1 before these (--all)"
    assert len(office.command("troubles", "--all").stdout.splitlines()) == 21
    facts = json.loads(office.command("troubles", "--json").stdout)
    assert len(facts) == 21
    assert (facts[0]["slave"], facts[0]["kind"], facts[0]["counted"]) == ("worker20", "mirror", True)


def test_why_is_one_sentence_on_one_line(office: Office) -> None:
    office.fill("lib", "user -> lib")
    *_, user, nobody = office.converse(_OPEN + "why user\nwhy nobody\n")
    assert user.startswith("ok user 1 waits for lib 1, which ")
    assert nobody == "error"
