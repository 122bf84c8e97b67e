"""What a person gets to read, word for word: pages of a small farm against files in golden/.

To accept a change: `PIUFARM_GOLDEN=write /usr/bin/python3 -m pytest tests/report/test_golden.py`, then read the diff.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

import pytest

from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState
from tests.report import logs
from tests.report.sample import SID, SampleFarm, fill, index_package, set_states

GOLDEN: Final = Path(__file__).parent / "golden"
PAGES: Final = (
    "index.html", "sid/index.html", "sid/fail.html", "sid/state-dependency-failed-testing.html",
    "sid/package/b/bb.html", "sid/package/c/cc.html", "sid/source/b/bb.html",
)  # fmt: skip


@pytest.fixture
def rendered(farm: SampleFarm) -> SampleFarm:
    """Three packages: one passed, one failed, one held up by it."""
    store = farm.open()
    maintainer = "A <b>Person</b> <a@example.org>"
    named = index_package("bb", "aa", maintainer=maintainer)
    fill(store, SID, [index_package("aa"), named, index_package("cc", "bb | x")])
    farm.add_run(store, SID, "aa", "1.0-1", Outcome.PASS, logs.passing("aa", "1.0-1"))
    farm.add_run(store, SID, "bb", "1.0-1", Outcome.FAIL, logs.failing("bb", "1.0-1"))
    set_states(
        store,
        SID,
        {
            "aa": ComputedState(PackageState.SUCCESSFULLY_TESTED, "version 1.0-1 passed its test"),
            "bb": ComputedState(PackageState.FAILED_TESTING, "version 1.0-1 failed its test", blocked=1),
            "cc": ComputedState(PackageState.DEPENDENCY_FAILED, "depends on bb, which failed its test"),
        },
    )
    store.close()
    assert farm.report().troubles == {}
    return farm


def _trimmed(text: str) -> str:
    """The page's own part, without what its frame and the version of the program bring."""
    main = re.search(r"<main.*</main>", text, re.DOTALL)
    assert main
    return re.sub(r"\n\s*\n+", "\n", main.group()) + "\n"


@pytest.mark.parametrize("name", PAGES)
def test_a_page_says_what_it_said(rendered: SampleFarm, name: str) -> None:
    golden = GOLDEN / name.replace("/", "_")
    found = _trimmed((rendered.output / name).read_text("utf-8"))
    if os.environ.get("PIUFARM_GOLDEN") == "write":
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(found, "utf-8")
    assert found == golden.read_text("utf-8")
