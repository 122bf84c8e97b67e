"""The layers of one base as several testers find them."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from piufarm.slave.chroot.interface import Changes
from piufarm.slave.layers.shelf import ROOT, LayerFacts, LayerShelf, key_of

PERL, RUBY, GTK = {"perl": "1"}, {"ruby": "1"}, {"gtk": "1"}
ROOM = 1 << 30


@pytest.fixture
def shelf(tmp_path: Path) -> LayerShelf:
    return LayerShelf(tmp_path / "layers", ROOM)


def make(shelf: LayerShelf, *way: dict[str, str]) -> str:
    """Put the layers on each other; returns the key of the last one."""
    parent = key = ""
    for number, packages in enumerate(way, 1):
        key = key_of(parent, packages)
        with shelf.making(key) as new:
            if new is not None:
                (new / ROOT).mkdir()
                shelf.add(new, key, LayerFacts(way[:number], (), 1), Changes({}, {}, frozenset()))
        layer = shelf.take(key)
        assert layer is not None
        parent = layer.identity
        layer.close()
    return key


def known(shelf: LayerShelf) -> list[list[dict[str, str]]]:
    with shelf.planning() as ways:
        return sorted([[dict(packages) for packages in way] for way in ways], key=str)


def age(folder: Path, seconds: float) -> None:
    then = time.time() - seconds
    for file in (folder / "layers" / "plans").iterdir():
        os.utime(file, (then, then))


def test_what_one_slave_plans_the_next_one_knows(shelf: LayerShelf) -> None:
    shelf.note([(PERL,), (PERL, GTK)])
    assert known(shelf) == [[PERL, GTK], [PERL]]


def test_what_has_been_made_is_known_as_long_as_it_is_there(shelf: LayerShelf) -> None:
    make(shelf, PERL, GTK)
    assert known(shelf) == [[PERL, GTK], [PERL]]
    shelf.drop(key_of("", PERL))
    assert known(shelf) == []


def test_what_was_planned_long_ago_and_never_made_is_forgotten(shelf: LayerShelf, tmp_path: Path) -> None:
    shelf.note([(PERL,), (RUBY,), (PERL,)])
    make(shelf, PERL)
    age(tmp_path, 2 * 3600)
    assert known(shelf) == [[PERL]]
    assert list((tmp_path / "layers" / "plans").iterdir()) == []


def test_to_be_known_is_not_to_be_used(shelf: LayerShelf, tmp_path: Path) -> None:
    folder = tmp_path / "layers" / make(shelf, PERL)
    os.utime(folder, (1, 1))
    assert known(shelf) == [[PERL]]
    assert folder.stat().st_mtime == 1


def test_who_needs_a_layer_that_is_being_made_waits_for_it(shelf: LayerShelf) -> None:
    key = key_of("", PERL)
    with ThreadPoolExecutor(1) as pool:
        with shelf.making(key) as new:
            assert new is not None
            waiting = pool.submit(make, shelf, PERL)
            (new / ROOT).mkdir()
            shelf.add(new, key, LayerFacts((PERL,), (), 1), Changes({}, {}, frozenset()))
        assert waiting.result(30) == key
    layer = shelf.take(key)
    assert layer is not None
    assert layer.facts.way == [PERL]
    layer.close()


@pytest.mark.parametrize("content", ["", "{", "{}"])
def test_a_layer_that_a_host_has_spoiled_by_going_down_is_none(
    shelf: LayerShelf, tmp_path: Path, content: str
) -> None:
    key = make(shelf, PERL)
    (tmp_path / "layers" / key / "facts.json").write_text(content)
    assert shelf.take(key) is None
