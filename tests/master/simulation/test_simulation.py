"""Whole runs of a small farm in simulated time: real sessions, scripted slaves, faults.

When one fails, its seed is in the message: `bench/simulate.py --seed N` shows the same history again.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.simulator.farm import Farm, Outcome, Plan
from bench.simulator.faults import NO_FAULTS, Faults
from bench.simulator.office import configure, fill


def _simulate(folder: Path, plan: Plan, packages: int, state: str = "") -> Outcome:
    configuration = configure(folder, state)
    fill(configuration, plan.seed, packages)
    return Farm(configuration, plan).run()


@pytest.mark.parametrize(
    ("store_kind", "seed", "packages"),
    [("sqlite", 1, 150), ("sqlite", 2, 90), ("postgresql", 3, 45)],
    indirect=["store_kind"],
)
def test_a_farm_in_which_things_go_wrong_tests_everything_and_loses_nothing(
    tmp_path: Path, store_kind: str, store_url: str, seed: int, packages: int
) -> None:
    often = replace(Faults(), death=0.01, absence=0.005, accident=0.05, session_kill=0.002, lost_evaluator=0.1)
    outcome = _simulate(tmp_path, Plan(seed=seed, slaves=packages // 15, faults=often), packages, store_url)
    assert outcome.results >= packages // 2
    assert any(outcome.events[what] for what in ("connection cut", "session killed", "slave died", "evaluator killed"))


def test_a_farm_without_faults_tests_nothing_twice(tmp_path: Path) -> None:
    outcome = _simulate(tmp_path, Plan(seed=4, slaves=10, faults=NO_FAULTS), 100)
    assert outcome.results > 50
    assert outcome.second_runs.total() == 0
    assert outcome.events["results sent again"] == 0


def test_the_same_seed_gives_the_same_history(tmp_path: Path) -> None:
    histories = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        outcome = _simulate(tmp_path / name, Plan(seed=5, slaves=5), 60)
        histories.append(replace(outcome, wall_seconds=0.0, cpu_seconds=0.0))
    assert histories[0] == histories[1]
