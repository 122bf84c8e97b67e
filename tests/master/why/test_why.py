"""Each package can say what keeps it, down to the cause."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from piufarm.master.why.chain import Explanation, explain
from piufarm.master.why.words import duration, sentence
from piufarm.names import Package, SectionName, Version
from piufarm.run import Completed, run
from piufarm.states import PackageState
from piufarm.store.attempts import NewTrouble
from piufarm.store.model import ComputedState
from piufarm.trouble import TroubleKind
from tests.core.store.builders import NOON, fill, package, result
from tests.master.office import SID, Office
from tests.support.clone import PIUFARM
from tests.support.stores import on_both_stores

_LOG = " Start: 2026-11-20 05:02:37 GMT\n x\n End: 2026-11-20 05:12:37 GMT\n.\n"  # ten minutes


def _explain(office: Office, name: str, *, later: timedelta = timedelta()) -> tuple[Explanation, datetime]:
    now = datetime.now(UTC) + later
    found = explain(office.store, SID, Package(name), now=now)
    assert found is not None
    return found, now


def _sentence(office: Office, name: str) -> str:
    return sentence(*_explain(office, name))


def _command(office: Office, *words: str) -> Completed:
    return run([PIUFARM, "why", *words, "--config", office.config], check=False)


def _report(office: Office, *results: str) -> None:
    for what in results:
        office.converse(f"section sid\n{what}\n{_LOG}")
    office.settle()


def test_a_result_speaks_for_itself(office: Office) -> None:
    office.fill("a")
    _report(office, "fail a 1")
    assert f"a 1 failed its test on {datetime.now(UTC):%Y-%m-%d} " in _sentence(office, "a")
    assert _sentence(office, "a").endswith(" UTC (sid/fail/a_1.log)")


def test_the_chain_leads_to_the_package_that_failed(office: Office) -> None:
    office.fill("a", "b -> a", "c -> b")
    _report(office, "fail a 1")
    said = _sentence(office, "c")
    assert said.startswith("c 1 depends on b, which depends on a 1, which failed its test on ")
    assert said.endswith("(sid/fail/a_1.log)")


def test_the_chain_leads_to_what_is_missing(office: Office) -> None:
    office.fill("a -> gone", "b -> a", "c -> b")
    assert _sentence(office, "b") == "b 1 depends on a 1, which depends on gone, which is not in the archive"
    explanation, now = _explain(office, "c")
    assert explanation.subject.state is PackageState.DEPENDENCY_CANNOT_BE_TESTED
    said = "c 1 depends on b, which depends on a 1, which depends on gone, which is not in the archive"
    assert sentence(explanation, now) == said


def test_the_head_of_what_waits_has_a_place_in_the_queue(office: Office) -> None:
    office.fill("a", "b -> a", "c -> b", "x", "y -> x", "y2 -> x", "y3 -> x")
    explanation, now = _explain(office, "c")
    assert [one.package for one in explanation.chain] == ["c", "b", "a"]
    said = sentence(explanation, now)
    assert "c 1 waits for b, which waits for a 1, which can be tested" in said
    assert "when it is tested is not known yet: no slave was here lately" in said
    assert explanation.ahead in (0, 1)
    ahead = [_explain(office, name)[0].ahead for name in ("a", "x")]
    assert sorted(number for number in ahead if number is not None) == [0, 1]


@on_both_stores
def test_the_expected_time_comes_from_measured_durations(office: Office) -> None:
    office.fill("a", "b -> a", "x", "y")
    _report(office, "pass x 1", "pass y 1")
    explanation, now = _explain(office, "b")
    assert (explanation.ahead, explanation.pace.mean_seconds, explanation.pace.slaves) == (0, 600, 1)
    assert explanation.expected_seconds == 1200
    said = sentence(explanation, now)
    assert "no package is before a in the queue" in said
    assert "a result is expected in about 20 min: a test takes 10 min, with 1 slave at work" in said


@on_both_stores
def test_whoever_holds_it_is_named_and_until_when(office: Office) -> None:
    office.fill("a", "b -> a")
    office.converse("section sid\nreserve\n", slave="worker7")
    said = _sentence(office, "b")
    assert "b 1 waits for a 1, which is being tested by worker7 since " in said
    assert " at the latest; when it is tested is not known yet: no log tells how long a test takes" in said
    explanation, now = _explain(office, "b", later=timedelta(hours=49))
    assert "was given to worker7" in sentence(explanation, now)
    assert "has not been heard of in time" in sentence(explanation, now)


def test_a_lease_may_last_longer(office: Office) -> None:
    office.fill("a")
    office.converse("section sid\nfeatures\nlease 1\n")
    assert "a 1 is being tested by worker1 since " in _sentence(office, "a")
    assert " and may be renewed; when it is tested " in _sentence(office, "a")


def test_what_was_in_hand_for_a_while_is_expected_soon(office: Office) -> None:
    office.fill("a", "x")
    _report(office, "pass x 1")
    office.converse("section sid\nreserve\n")
    explanation, _ = _explain(office, "a", later=timedelta(seconds=400))
    assert explanation.expected_seconds == pytest.approx(200, abs=30)
    explanation, now = _explain(office, "a", later=timedelta(seconds=4000))
    assert explanation.expected_seconds == 0
    assert "a result is expected any moment" in sentence(explanation, now)


@on_both_stores
def test_a_package_that_is_held_back_says_so(office: Office) -> None:
    office.fill("a", "b -> a")
    now = datetime.now(UTC)
    for number in range(9):
        if office.store.holds(SID):
            break
        held = office.store.reserve(SID, owner=f"w{number}", now=now, deadline=now + timedelta(hours=1))
        assert held is not None
        trouble = NewTrouble(
            f"t{number}", Package("a"), Version("1"), TroubleKind.DISK, f"w{number}", now, 0, f"{number:064}"
        )
        office.store.record_trouble(SID, trouble, max_retries=2)
    explanation, now = _explain(office, "b")
    assert explanation.cause.hold is not None
    assert explanation.ahead is None
    assert "b 1 waits for a 1, which is held back" in sentence(explanation, now)


@on_both_stores
def test_a_package_that_is_to_be_tested_again_says_since_when(office: Office) -> None:
    office.fill("a", "b", "bad", "user -> bad")
    _report(office, "fail a 1", "pass b 1", "fail bad 1", "pass user 1")
    office.store.queue_recycle(SID, [Package("a"), Package("b"), Package("user")], now=datetime.now(UTC))
    said = _sentence(office, "a")
    assert "; it is to be tested again, marked on " in said
    assert said.endswith(", as soon as everything that it depends on is good; new results are still being worked out")
    office.settle()
    assert _sentence(office, "a").endswith(" UTC: no package is before it among those to be tested again")
    assert _sentence(office, "b").endswith(" UTC: 1 package is before it among those to be tested again")
    assert _sentence(office, "user").endswith(" UTC, as soon as everything that it depends on is good")


def test_a_long_chain_is_told_by_its_ends(office: Office) -> None:
    office.fill("c0", *(f"c{number} -> c{number - 1}" for number in range(1, 30)))
    said = _sentence(office, "c29")
    assert "which leads through 23 packages to c3, which waits for c2, which waits for c1, " in said
    assert len(_explain(office, "c29")[0].chain) == 30


def test_results_that_are_not_worked_out_yet_are_mentioned(office: Office) -> None:
    office.fill("a", "b -> a")
    assert "worked out" not in _sentence(office, "b")
    office.store.record_run(SID, result("a"))
    assert _sentence(office, "b").endswith("; new results are still being worked out")


def test_what_no_test_decides_is_told_by_its_reason(office: Office) -> None:
    fill(office.store, package("new"), package("old"), package("out", listed=False))
    states = {
        Package("old"): ComputedState(PackageState.OUTDATED, "the section sid has a newer version, 2"),
        Package("out"): ComputedState(PackageState.SUCCESSFULLY_TESTED, "not tested in this section, taken as good"),
    }
    office.store.set_states(SID, states, evaluated=office.store.snapshot(SID))
    assert _sentence(office, "old") == "old 1 is outdated: the section sid has a newer version, 2"
    assert _sentence(office, "out") == "out 1 is not tested in this section, taken as good"
    assert _sentence(office, "new").startswith("new 1 has no state yet: new in the archive; ")


def test_a_chain_leads_into_another_section(office: Office) -> None:
    other = SectionName("other")
    office.store.replace_packages(other, [package("lib")], index_digest="", now=NOON)
    fill(office.store, package("app"))
    states = {Package("app"): ComputedState(PackageState.WAITING_FOR_DEPENDENCY, "waits for lib", blocker="lib other")}
    office.store.set_states(SID, states, evaluated=office.store.snapshot(SID))
    said = _sentence(office, "app")
    assert said.startswith("app 1 waits for lib 1 (section other), which has no state yet: ")
    ready = ComputedState(PackageState.WAITING_TO_BE_TESTED, "can be tested")
    office.store.set_states(other, {Package("lib"): ready}, evaluated=office.store.snapshot(other))
    assert "; no package is before lib in the queue of section other; " in _sentence(office, "app")


def test_the_command_tells_a_line_a_package(office: Office) -> None:
    office.fill("a", "b -> a")
    _report(office, "fail a 1")
    lines = _command(office, "b").stdout.decode().splitlines()
    assert lines[:2] == ["sid: b 1 is dependency-failed-testing", "  b 1 depends on a"]
    assert lines[2].startswith("  a 1 failed its test on ")


def test_programs_get_json(office: Office) -> None:
    office.fill("a", "b -> a")
    _report(office, "fail a 1")
    (said,) = json.loads(_command(office, "b", "sid", "--json").stdout)
    assert said["sentence"] == _sentence(office, "b")
    assert [link["package"] for link in said["chain"]] == ["b", "a"]
    assert said["chain"][1]["result"]["log"] == "sid/fail/a_1.log"
    assert set(said) == {
        "section", "package", "version", "state", "sentence", "chain", "ahead", "retests_ahead", "expected_seconds",
        "mean_seconds", "slaves", "drained", "settled",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("word", "told"),
    [("libgtk", ["section sid has no package libgtk", "did you mean libgtk"]), ("a_b", ["not a Package"])],
)
def test_an_unknown_name_brings_up_near_ones(office: Office, word: str, told: list[str]) -> None:
    office.fill("libgtk3", "libgtk4", "other")
    refused = _command(office, word)
    assert refused.status == 2
    assert all(text in refused.stderr.decode() for text in told)


def test_a_package_that_has_left_is_remembered_by_its_last_result(office: Office) -> None:
    office.fill("a")
    _report(office, "pass a 1")
    office.fill("b")
    said = _command(office, "a").stderr.decode()
    assert "section sid has no package a any more" in said
    assert "its last result in sid: 1, pass, " in said


def test_an_explanation_takes_few_rows_of_a_large_section(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.fill("a", "b -> a", *(f"other{number}" for number in range(200)))
    asked: list[str] = []
    for name in ("packages", "providers", "all_dependencies", "snapshot", "runs", "versions"):
        monkeypatch.setattr(type(office.store), name, _forbidden(name, asked), raising=False)
    _explain(office, "b")
    assert asked == []


def _forbidden(name: str, asked: list[str]) -> Any:
    def note(*_: Any, **__: Any) -> Any:
        asked.append(name)
        raise AssertionError(name)

    return note


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.2, "1 s"), (59, "59 s"), (130, "2 min"), (7200, "2 h"), (400000, "5 days")]
)
def test_durations_are_told_as_people_do(seconds: float, said: str) -> None:
    assert duration(seconds) == said
