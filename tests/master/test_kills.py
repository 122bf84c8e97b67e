"""Nothing that was acknowledged is lost by kill -9: the short campaign. bench/kills.py is the long one."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest

from bench.killing.archive import changing_archive
from bench.killing.campaign import AT_RANDOM, Target, new_campaign, new_oracle
from bench.killing.databases import KINDS, database
from bench.killing.points import Stage, fault_points, stage_of
from bench.killing.programs import SESSION, Programs
from bench.killing.world import World
from tests.support.clone import CLONE

_ROW = re.compile(r"^\| `(?P<point>[a-z.-]+)` \|[ \d|]+\| (?P<kills>\d+) \| (?:\d+|–) \|$", re.M)
_SUMMARY = re.compile(r"\*\*(?P<kills>\d+) kills\*\*, (?P<inside>\d+) of them .*, (?P<broken>\d+) promises broken")
# one of each step of a result, and of what else a master writes
_SHORT = (
    (SESSION, "intake.chunk"), (SESSION, "file.renamed"), (SESSION, "run.inserted"), (SESSION, "intake.recorded"),
    (SESSION, "reserve.entered"), ("refresh", "refresh.staged"), ("refresh", "switch.section-updated"),
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_no_kill_loses_an_acknowledged_result_or_gives_a_package_to_two(kind: str, tmp_path: Path) -> None:
    chance = Random(kind)
    with (
        changing_archive(tmp_path, Random(1), size=60) as (archive, server),
        database(kind, tmp_path, Random(2)) as place,
    ):
        world = World(tmp_path, place.state, server.url)
        programs = Programs(world, archive, tmp_path / "older", new_oracle(), Random(3))
        campaign = new_campaign(world, place, programs, chance, tell=print)
        targets = [*(Target(*target) for target in _SHORT), *(Target(SESSION, AT_RANDOM) for _ in range(9))]
        campaign.run(targets, batch=4, accidents=1)
        world.kill_evaluators()
    assert campaign.tally.problems == []
    assert len(campaign.tally.kills) > 10
    assert campaign.oracle.acknowledged


def _document() -> str:
    return (CLONE / "docs" / "reliability.md").read_text()


def test_the_long_campaign_has_killed_at_every_fault_point_that_there_is() -> None:
    """A new point needs a new run: `bench/kills.py --write`."""
    kills = {row["point"]: int(row["kills"]) for row in _ROW.finditer(_document())}
    assert kills.keys() == fault_points().keys()
    assert {point: number for point, number in kills.items() if number < 20} == {}


def test_the_long_campaign_was_long_and_killed_where_it_hurts() -> None:
    summary = _SUMMARY.search(_document())
    assert summary is not None
    assert int(summary["kills"]) >= 1000
    assert 2 * int(summary["inside"]) >= int(summary["kills"])
    assert int(summary["broken"]) == 0


@pytest.mark.parametrize(
    ("passed", "stage"),
    [
        ("", Stage.ELSEWHERE),
        ("file.made intake.chunk", Stage.BODY),
        ("file.made intake.chunk file.written store.begun store.committed intake.recorded", Stage.COMMIT),
        ("file.made file.written session.replied", Stage.ELSEWHERE),
        ("store.begun", Stage.COMMIT),
        ("migrate.renamed", Stage.COMMIT),
        ("store.begun store.committed", Stage.ELSEWHERE),
    ],
)
def test_the_points_that_a_process_passed_tell_what_it_was_doing(passed: str, stage: Stage) -> None:
    assert stage_of(passed.split()) is stage
