"""How a slave makes use of a plan of its batch, and does without one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from piufarm.slave.job.outlook import Outlook, layer_differences
from piufarm.slave.layers.forecast import Forecast
from piufarm.slave.layers.plan import Planned
from tests.slave.worker.bench import reserved

ENTRIES = [reserved("a"), reserved("b"), reserved("c")]


def write_plan(path: Path) -> bool:
    """c and a share a layer; b stands alone; in this order."""
    planned = [
        Planned("c=1", {"c": "1", "perl": "5"}, ({"perl": "5"},)),
        Planned("a=1", {"a": "1", "perl": "5"}, ({"perl": "5"},)),
        Planned("b=1", {"b": "1"}, ()),
    ]
    Forecast({item.package: item for item in planned}, {}, None).write(path)
    return True


@pytest.fixture
def outlook(tmp_path: Path) -> Outlook:
    return Outlook(tmp_path / "plan.json", recheck_every=2, draw=lambda _: 0)


def test_the_batch_is_tested_in_the_order_of_the_plan(outlook: Outlook) -> None:
    order = outlook.look(ENTRIES, lambda: write_plan(outlook.path))
    assert [str(entry.package) for entry in order] == ["c", "a", "b"]


def test_without_a_plan_the_order_is_that_of_the_master(outlook: Outlook) -> None:
    assert outlook.look(ENTRIES, lambda: False) == ENTRIES
    assert outlook.words(ENTRIES[0]) == []


def test_a_plan_that_cannot_be_read_is_none(outlook: Outlook) -> None:
    def write_nonsense() -> bool:
        outlook.path.write_text("{")
        return True

    assert outlook.look(ENTRIES, write_nonsense) == ENTRIES
    assert outlook.words(ENTRIES[0]) == []


def test_a_single_package_is_not_planned_for(outlook: Outlook) -> None:
    def never() -> bool:
        raise AssertionError

    assert outlook.look(ENTRIES[:1], never) == ENTRIES[:1]


def test_a_plan_of_the_last_batch_is_not_used(outlook: Outlook) -> None:
    write_plan(outlook.path)
    outlook.look(ENTRIES, lambda: False)
    assert not outlook.path.exists()


def test_every_second_test_on_layers_is_rechecked_and_those_without_do_not_count(outlook: Outlook) -> None:
    order = outlook.look(ENTRIES, lambda: write_plan(outlook.path))
    layers = ["--layers", str(outlook.path)]
    assert [outlook.words(entry) for entry in order] == [layers, [*layers, "--recheck-layers"], layers]


def test_a_batch_with_fewer_tests_than_that_has_its_turn_too(tmp_path: Path) -> None:
    outlook = Outlook(tmp_path / "plan.json", recheck_every=50, draw=lambda most: most - 1)
    order = outlook.look(ENTRIES, lambda: write_plan(outlook.path))
    assert ["--recheck-layers" in outlook.words(entry) for entry in order] == [True, False, False]
    assert {Outlook(tmp_path / "plan.json", 3)._on_layers for _ in range(200)} == {0, 1, 2}


def test_differences_are_read_from_the_result(tmp_path: Path) -> None:
    result = tmp_path / "result.json"
    assert layer_differences(result) == []
    result.write_text(json.dumps({"layers": [{"differences": ["verdict: pass, and from the base alone fail"]}]}))
    assert layer_differences(result) == ["verdict: pass, and from the base alone fail"]
    result.write_text("[]")
    assert layer_differences(result) == []
