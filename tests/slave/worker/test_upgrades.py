"""Sections that upgrade across suites."""

from __future__ import annotations

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.job.metadata import OUTDATED, OutdatedReference
from tests.slave.worker.bench import Bench

EXTRA = {"distro": "one", "upgrade-test-distros": "one two", "chroot-meta-auto": "meta.dat"}

# Writes or reads the reference as it is told, and says so.
TESTER = """#!/bin/bash
args=("$@")
for i in "${!args[@]}"; do
    case "${args[i]}" in
        -s) echo base > "${args[i+1]}" ;;
        -S) echo reference > "${args[i+1]}"; echo written ;;
        -B) echo "read: $(< "${args[i+1]}")" ;;
    esac
done
[[ "${args[-1]}" != moved=* ]] || echo "History of available packages does not match the reference"
echo "0m0.1s INFO: piuparts run ends."
"""


@pytest.fixture
def upgrades(bench: Bench) -> Bench:
    bench.publish("alt", "moved", "up", suite="one", version="1")
    bench.publish("moved", "up", suite="two", version="2")
    bench.configure(EXTRA)
    bench.tester.write_text(TESTER)
    return bench


def said(bench: Bench, result: str) -> list[str]:
    """The output of a test."""
    lines = bench.master.results[result].decode().splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("Executing: "))
    return lines[start + 1 : -3]


def test_a_package_that_disappears_is_tested_and_reported_as_such(upgrades: Bench) -> None:
    upgrades.master.offers = [("alt", "None")]
    upgrades.turn()
    log = upgrades.master.results["pass/alt_None"].decode()
    assert "\n[one]\nPackage: alt\nVersion: 1\n" in log
    assert "\n\n[two]\n\nExecuting: " in log
    assert " -d one -d two -S " in log and log.splitlines()[-4].endswith("run ends.")


def test_the_reference_is_written_once_then_read(upgrades: Bench) -> None:
    upgrades.master.offers = [("up", "2"), ("alt", "None")]
    upgrades.turn()
    assert said(upgrades, "pass/up_2")[0] == "written"
    assert said(upgrades, "pass/alt_None")[0] == "read: reference"


def test_a_reference_that_no_longer_fits_is_removed(upgrades: Bench) -> None:
    upgrades.master.offers = [("moved", "2"), ("up", "2")]
    upgrades.turn()
    assert said(upgrades, "pass/up_2")[0] == "written"


def test_an_old_reference_is_not_used(upgrades: Bench) -> None:
    path = upgrades.place.directory / "small" / "meta.dat"
    path.parent.mkdir(parents=True)
    path.write_text("old")
    os.utime(path, (time.time() - 7 * 3600,) * 2)
    upgrades.master.offers = [("up", "2")]
    upgrades.turn()
    assert said(upgrades, "pass/up_2")[0] == "written"


def test_the_reference_may_lie_elsewhere(upgrades: Bench) -> None:
    upgrades.configure({**EXTRA, "chroot-meta-directory": str(upgrades.directory / "meta")})
    upgrades.tester.write_text(TESTER)
    upgrades.master.offers = [("up", "2")]
    upgrades.turn()
    assert (upgrades.directory / "meta" / "small" / "meta.dat").exists()


@given(st.sampled_from(OUTDATED), st.binary(max_size=30), st.integers(0, 60))
def test_the_sentence_is_seen_wherever_the_output_is_cut(sentence: bytes, before: bytes, place: int) -> None:
    text = before + sentence + b"\n"
    watch = OutdatedReference()
    watch.feed(text[:place])
    watch.feed(text[place:])
    assert watch.seen
