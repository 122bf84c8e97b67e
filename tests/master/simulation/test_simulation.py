"""Whole runs of a small farm in simulated time: real sessions, scripted slaves, faults.

When one fails, its seed is in the message: `bench/simulate.py --seed N` shows the same history again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Final

import pytest

from bench.simulator.farm import Farm, Outcome, Plan
from bench.simulator.faults import NO_FAULTS, Faults
from bench.simulator.office import configure, fill
from tests.support.postgresql import PostgresqlServer

_OFTEN: Final = replace(Faults(), death=0.01, absence=0.005, accident=0.05, session_kill=0.002, lost_evaluator=0.1)
_ALL_THE_TIME: Final = Faults(
    death=0.05, absence=0.04, interrupt=0.03, accident=0.2, session_kill=0.01, trouble=0.15, broken_slave=0.5,
    late_evaluator=0.3, lost_evaluator=0.3, busy_evaluator=0.1,
)  # fmt: skip


def _simulate(folder: Path, plan: Plan, packages: int, state: str = "") -> Outcome:
    folder.mkdir(exist_ok=True)
    configuration = configure(folder, state)
    fill(configuration, plan.seed, packages)
    return replace(Farm(configuration, plan).run(), wall_seconds=0.0, cpu_seconds=0.0)


@pytest.mark.parametrize(("seed", "packages"), [(1, 150), (2, 90)])
def test_a_farm_in_which_things_go_wrong_tests_everything_and_loses_nothing(
    tmp_path: Path, seed: int, packages: int
) -> None:
    outcome = _simulate(tmp_path, Plan(seed=seed, slaves=packages // 15, faults=_OFTEN), packages)
    assert outcome.results >= packages // 2
    assert any(outcome.events[what] for what in ("connection cut", "session killed", "slave died", "evaluator killed"))


@pytest.mark.parametrize("some", range(2))
def test_few_slaves_of_whom_everything_befalls_come_to_an_end(tmp_path: Path, some: int) -> None:
    random = Random(some)
    for number in range(6):
        plan = Plan(seed=random.randrange(10**6), slaves=random.randrange(2, 6), faults=_ALL_THE_TIME)
        outcome = _simulate(tmp_path / str(number), plan, random.randrange(5, 61))
        assert outcome.days < 2


@pytest.mark.parametrize(("seed", "packages", "slaves"), [(3, 30, 2), (8, 45, 4)])
def test_the_same_happens_on_both_databases(
    tmp_path: Path, postgresql_server: PostgresqlServer, seed: int, packages: int, slaves: int
) -> None:
    plan = Plan(seed=seed, slaves=slaves, faults=_OFTEN)
    on_sqlite = _simulate(tmp_path / "sqlite", plan, packages)
    assert _simulate(tmp_path / "postgresql", plan, packages, postgresql_server.new_database()) == on_sqlite


def test_a_farm_without_faults_tests_nothing_twice(tmp_path: Path) -> None:
    outcome = _simulate(tmp_path, Plan(seed=4, slaves=10, faults=NO_FAULTS), 100)
    assert outcome.results > 50
    assert outcome.second_runs.total() == 0
    assert outcome.events["results sent again"] == 0


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    first, second = (_simulate(tmp_path / name, Plan(seed=5, slaves=5), 60) for name in ("first", "second"))
    assert first == second
