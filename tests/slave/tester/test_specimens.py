"""Each kind of good and bad package, tested in a real chroot, and by the predecessor on the same files and base."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest

from tests.slave.tester.specimens import SPECIMENS, Specimen
from tests.slave.tester.workshop import COMPATIBLE, Verdict, Workshop, ours, ours_in_schroot, the_predecessors

ON_SCHROOT: Final = (
    "well-behaved", "by name", "leaves files", "changes the base", "damages itself", "overwrites by a link",
    "leaves a daemon", "floods the log", "postrm fails", "replaces a base package",
)  # fmt: skip
# The predecessor mentions every path of the root that a loud rule covers, we those that differ.
_MENTION: Final = "IGNORED "


@pytest.fixture(scope="session")
def peer_verdicts(
    request: pytest.FixtureRequest, workshop: Workshop, predecessor: str
) -> Iterator[Mapping[str, Future[Verdict]]]:
    """The real piuparts works through the specimens of this run, two at a time, and is compared as it goes on."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    wanted = [
        specimen
        for specimen in SPECIMENS
        for item in items
        if "peer_verdicts" in item.fixturenames and item.callspec.params["specimen"] is specimen
    ]
    print(f"the predecessor is piuparts {predecessor}")
    with ThreadPoolExecutor(2) as pool:
        yield {specimen.name: pool.submit(the_predecessors, workshop, specimen) for specimen in wanted}
        pool.shutdown(cancel_futures=True)


def by_name(specimen: Specimen) -> str:
    return specimen.name


@pytest.mark.farm
@pytest.mark.parametrize("specimen", SPECIMENS, ids=by_name)
def test_a_specimen_is_judged_right_and_the_log_says_why(workshop: Workshop, specimen: Specimen) -> None:
    verdict = ours(workshop, specimen)
    assert verdict.status == (0 if specimen.passes else 1), verdict.log[-4000:]
    missing = set(specimen.says) - verdict.lines
    missing |= {text for text in specimen.begins if not any(line.startswith(text) for line in verdict.lines)}
    assert not missing, f"{missing}\n{verdict.log[-4000:]}"
    assert verdict.log.rstrip("\n").endswith("piuparts run ends.")


@pytest.mark.farm
@pytest.mark.parametrize("specimen", [specimen for specimen in SPECIMENS if specimen.name in ON_SCHROOT], ids=by_name)
def test_an_unprivileged_account_judges_the_same(workshop: Workshop, schroot: str, specimen: Specimen) -> None:
    mine, theirs = ours(workshop, specimen), ours_in_schroot(workshop, specimen, schroot)
    assert theirs.status == mine.status, theirs.log[-4000:]
    assert theirs.lines == mine.lines


@pytest.mark.farm
@pytest.mark.peer
@pytest.mark.parametrize("specimen", SPECIMENS, ids=by_name)
def test_the_predecessor_judges_the_same_and_says_the_same(
    workshop: Workshop, peer_verdicts: Mapping[str, Future[Verdict]], predecessor: str, specimen: Specimen
) -> None:
    mine, theirs = ours(workshop, specimen), peer_verdicts[specimen.name].result()
    assert theirs.status in (0, 1)
    if predecessor == COMPATIBLE:
        assert mine.status == theirs.status, f"piuparts {predecessor}:\n{theirs.log[-4000:]}"
        mentions = {line for line in mine.lines ^ theirs.lines if line.startswith(_MENTION)}
        assert mine.lines - mentions == theirs.lines - mentions
        assert not mentions & mine.lines
