"""Each variant of a test and each test that we alone have, in real chroots; variants by the predecessor, too."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.slave.tester.procedures.variant_specimens import IN_TESTDEBS, OURS_ALONE, TESTDEBS, VARIANTS
from tests.slave.tester.specimens import Specimen, deb
from tests.slave.tester.workshop import COMPATIBLE, Workshop, ours, the_predecessors

PEERS = ("all variants", "upgrade fails")


def by_name(specimen: Specimen) -> str:
    return specimen.name


@pytest.mark.farm
@pytest.mark.parametrize("specimen", [*VARIANTS, *OURS_ALONE], ids=by_name)
def test_a_variant_fails_what_it_is_for_and_passes_the_rest(workshop: Workshop, specimen: Specimen) -> None:
    verdict = ours(workshop, specimen)
    assert verdict.status == (0 if specimen.passes else 1), verdict.log[-4000:]
    missing = set(specimen.says) - verdict.lines
    missing |= {text for text in specimen.begins if not any(line.startswith(text) for line in verdict.lines)}
    assert not missing, f"{missing}\n{verdict.log[-6000:]}"


@pytest.mark.farm
@pytest.mark.peer
def test_the_predecessor_judges_variants_the_same_and_says_the_same(workshop: Workshop, predecessor: str) -> None:
    specimens = [specimen for specimen in VARIANTS if specimen.name in PEERS]
    with ThreadPoolExecutor(2) as pool:
        theirs = list(pool.map(lambda specimen: the_predecessors(workshop, specimen), specimens))
    for specimen, verdict in zip(specimens, theirs, strict=True):
        mine = ours(workshop, specimen)
        assert mine.status == verdict.status == (0 if specimen.passes else 1), verdict.log[-4000:]
        if predecessor == COMPATIBLE:
            assert mine.lines == verdict.lines


@pytest.mark.farm
def test_packages_under_test_come_from_their_own_repository(workshop: Workshop) -> None:
    workshop.archive.publish(TESTDEBS, IN_TESTDEBS)
    repository = f"deb [ trusted=yes ] {workshop.server.url} {TESTDEBS} main"
    specimen = Specimen(
        "testdebs", (), passes=True, options=("--testdebs-repo", repository), apt=("t-tested=2",), upgrades=True
    )
    verdict = ours(workshop, specimen)
    assert verdict.status == 0, verdict.log[-4000:]
    assert "Can't test upgrade: packages not known by apt-get." in verdict.lines


@pytest.mark.farm
def test_what_counts_as_essential_is_there_before_the_test_and_stays(workshop: Workshop) -> None:
    needy = deb("v-purges", depends="p-helper", postrm='test "$1" != purge || test -e /usr/share/p-helper/data')
    alone = ours(workshop, Specimen("purges alone", (needy,), passes=False))
    options = ("--fake-essential-packages", "p-helper")
    assisted = ours(workshop, Specimen("purges assisted", (needy,), passes=True, options=options))
    assert (alone.status, assisted.status) == (1, 0), f"{alone.log[-3000:]}\n{assisted.log[-3000:]}"
