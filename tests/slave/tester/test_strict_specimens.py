"""What is found without --compat, and by nobody with it: in real chroots, and by the predecessor on the same files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.slave.tester.strict_specimens import FAULTS, TWINS
from tests.slave.tester.workshop import COMPATIBLE, Workshop, ours, ours_in_schroot, the_predecessors


@pytest.mark.farm
def test_each_fault_is_found(workshop: Workshop) -> None:
    verdict = ours(workshop, FAULTS)
    assert verdict.status == 1, verdict.log[-4000:]
    assert not set(FAULTS.says) - verdict.lines, f"{set(FAULTS.says) - verdict.lines}\n{verdict.log[-6000:]}"


@pytest.mark.farm
def test_the_same_without_fault_passes(workshop: Workshop) -> None:
    verdict = ours(workshop, TWINS)
    assert verdict.status == 0, verdict.log[-6000:]
    assert not set(TWINS.says) - verdict.lines, f"{set(TWINS.says) - verdict.lines}\n{verdict.log[-6000:]}"


@pytest.mark.farm
def test_an_unprivileged_account_finds_the_same(workshop: Workshop, schroot: str) -> None:
    verdict = ours_in_schroot(workshop, FAULTS, schroot)
    assert not set(FAULTS.says) - verdict.lines, f"{set(FAULTS.says) - verdict.lines}\n{verdict.log[-6000:]}"


@pytest.mark.farm
@pytest.mark.peer
def test_the_predecessor_finds_none_of_them_and_so_do_we_if_asked_to_be_compatible(
    workshop: Workshop, predecessor: str
) -> None:
    mine = ours(workshop, replace(FAULTS, is_strict=False))
    assert mine.status == 0, mine.log[-3000:]
    found_since = () if predecessor == COMPATIBLE else ("s-hidden",)
    unseen = replace(FAULTS, debs=[spec for spec in FAULTS.debs if spec.name not in found_since])
    theirs = the_predecessors(workshop, unseen)
    assert theirs.status == 0, theirs.log[-3000:]
