"""Several slaves in one section at once, each with a session process of its own."""

from __future__ import annotations

import threading

from piufarm.store.model import Standing
from tests.master.office import SID, Office
from tests.support.stores import on_both_stores

pytestmark = on_both_stores


def test_sessions_at_once_never_reserve_one_package_twice(office: Office) -> None:
    names = [f"p{number:02}" for number in range(30)]
    office.fill(*names)
    answers: dict[str, list[str]] = {}

    def work(slave: str) -> None:
        completed = office.session("section sid\n" + "reserve\n" * 12, "--slave", slave)
        answers[slave] = completed.stdout.decode().splitlines()[2:]

    slaves = [threading.Thread(target=work, args=(f"worker{number}",)) for number in range(4)]
    for slave in slaves:
        slave.start()
    for slave in slaves:
        slave.join()
    reserved = [line.split()[1] for lines in answers.values() for line in lines if line != "error"]
    assert sorted(reserved) == names
    told = {(line.split()[1], slave) for slave, lines in answers.items() for line in lines if line != "error"}
    assert {(held.package, held.owner) for held in office.store.reservations(SID)} == told


def test_results_sent_at_once_are_all_stored(office: Office) -> None:
    office.fill()
    slaves = [f"worker{number}" for number in range(4)]

    def work(slave: str) -> None:
        results = "".join(f"pass {slave}-{number} 1\n of {slave}\n.\n" for number in range(10))
        assert office.session(f"section sid\n{results}", "--slave", slave).stdout.count(b"ok\n") == 11

    threads = [threading.Thread(target=work, args=(slave,)) for slave in slaves]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    runs = list(office.store.runs(SID))
    assert len(runs) == 40
    assert {run.standing for run in runs} == {Standing.CURRENT}
    assert len(office.files.submissions.read_text().splitlines()) == 40
    assert office.differences() == []
