"""The predecessor's report on the same results: the same exports, the same addresses."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from piufarm.master.evaluator import bring_up_to_date
from piufarm.names import log_name
from piufarm.outcome import Outcome
from piufarm.report.site import build_site
from piufarm.run import run
from piufarm.store import open_store
from piufarm.store.model import IndexPackage
from tests.report import logs
from tests.report.sample import SID, SampleFarm, fill, index_package, make_farm
from tests.report.serving import served
from tests.support.namespace import with_private_files
from tests.support.programs import real_version

pytestmark = pytest.mark.peer

_COMPATIBLE: Final = "1.1.7"  # the version whose exports ours are compared with in every detail
_PEER: Final = Path("/usr/share/piuparts/piuparts-report")
_PACKAGES: Final = (
    index_package("base"), index_package("broken", "base"), index_package("brdep1", "broken"),
    index_package("brdep2", "brdep1"), index_package("libunt1", "base", source="unt"),
    index_package("untdep", "libunt1"), index_package("fresh", "base"), index_package("waitdep", "fresh"),
    index_package("nodep", "missing-thing"), index_package("nodepdep", "nodep"),
    index_package("multi-a", "base", source="multi"), index_package("multi-b", "base", source="multi"),
    index_package("libc++1", "base", source="lib++", version="1:2.0~rc1-3+b1"),
)  # fmt: skip
_RESULTS: Final = {
    "base": Outcome.PASS, "broken": Outcome.FAIL, "libunt1": Outcome.UNTESTABLE, "multi-a": Outcome.PASS,
    "multi-b": Outcome.FAIL, "libc++1": Outcome.PASS,
}  # fmt: skip
# what only the predecessor has: pages by problem and by maintainer, other exports, what its admin put there
_NOT_OURS: Final = re.compile(r"sid/(?:maintainer/.*|sources\.(?:txt|yaml)|\.md5cache|[a-z_]+_(?:error|issue)\.html)")


@dataclass(frozen=True)
class BothReports:
    """Two sites made from the same results."""

    theirs: Path
    ours: Path


def _paragraph(package: IndexPackage) -> str:
    depends = ", ".join(" | ".join(map(str, clause.alternatives)) for clause in package.depends)
    return (
        f"Package: {package.name}\nSource: {package.source}\nVersion: {package.version}\nArchitecture: amd64\n"
        f"Maintainer: {package.maintainer}\nDescription: sample\n" + (f"Depends: {depends}\n" if depends else "")
    )


def _write_archive(directory: Path) -> None:
    """Indexes without signatures, which is what the predecessor takes."""
    suite = directory / "dists/sid/main"
    sources: dict[str, list[IndexPackage]] = {}
    for package in _PACKAGES:
        sources.setdefault(package.source, []).append(package)
    text = "".join(
        f"Package: {source}\nBinary: {', '.join(package.name for package in packages)}\nVersion: 1\n"
        "Maintainer: A Person <a@example.org>\nArchitecture: any\nDirectory: pool\n\n"
        for source, packages in sources.items()
    )
    for folder, name, content in (
        ("binary-amd64", "Packages.gz", "\n".join(map(_paragraph, _PACKAGES))),
        ("source", "Sources.gz", text),
    ):
        (suite / folder).mkdir(parents=True)
        (suite / folder / name).write_bytes(gzip.compress(content.encode()))


def _results(farm: SampleFarm) -> None:
    """The same results for both: in our store, and in the classic directories."""
    store = farm.open()
    fill(store, SID, _PACKAGES)
    for package in _PACKAGES:
        if (outcome := _RESULTS.get(package.name)) is None:
            continue
        log = logs.failing(package.name, package.version)
        farm.add_run(store, SID, package.name, package.version, outcome, log)
        classic = farm.master_directory / SID / outcome / log_name(package.name, package.version)
        classic.parent.mkdir(exist_ok=True)
        classic.write_bytes(log)
    bring_up_to_date(store, SID)
    store.close()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothReports]:
    """Both programs, each with a site of its own."""
    directory = tmp_path_factory.mktemp("peer")
    _write_archive(directory / "archive")
    with served(directory / "archive") as address:
        farm = make_farm(directory / "farm", more=f"mirror = {address}\n")
        _results(farm)
        etc = directory / "etc"
        etc.mkdir()
        shutil.copy(farm.directory / "piuparts.conf", etc)
        (etc / "distros.conf").touch()
        shutil.copytree("/usr/share/piuparts/htdocs", farm.output)  # its static pages are made from files there
        print(f"peer: piuparts {real_version()}")
        run(with_private_files({Path("/etc/piuparts"): etc}, [_PEER]), cwd=farm.directory, timeout_seconds=120)
    ours = directory / "ours"
    opener = partial(open_store, farm.store_url, create=False)
    assert build_site(farm.configuration, opener, output=ours).troubles == {}
    yield BothReports(farm.output, ours)


def test_both_summaries_say_the_same_about_every_source(both: BothReports) -> None:
    for name in ("sid/summary.json", "summary.json"):
        theirs, ours = (json.loads((site / name).read_text()) for site in (both.theirs, both.ours))
        assert ours["packages"].keys() == theirs["packages"].keys()
        if real_version() == _COMPATIBLE:
            assert ours["packages"] == theirs["packages"]
        assert ours.keys() == theirs.keys()
        assert all(ours[key] == theirs[key] for key in ("_id", "_type", "_version"))
        form = r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d{1,2} \d\d:\d\d:\d\d UTC \d{4}"
        assert re.fullmatch(form, ours["_date"])
        assert re.fullmatch(form, theirs["_date"])


def test_both_count_the_states_alike_and_name_the_same_sections(both: BothReports) -> None:
    for name in ("sid/counts.txt", "sections.yaml"):
        assert (both.ours / name).read_text() == (both.theirs / name).read_text()


def test_every_address_of_the_predecessors_section_is_still_there(both: BothReports) -> None:
    theirs = {path.relative_to(both.theirs).as_posix() for path in both.theirs.glob("sid/**/*") if path.is_file()}
    expected = {name for name in theirs if not _NOT_OURS.fullmatch(name)}
    assert len(expected) > 30
    missing = {name for name in expected if not (both.ours / name).is_file()}
    if real_version() == _COMPATIBLE:
        assert missing == set()
    assert not [name for name in missing if name.endswith(".log") or name.startswith("sid/source/")]


def test_published_logs_are_the_same_bytes(both: BothReports) -> None:
    theirs = sorted(both.theirs.glob("sid/*/*.log"))
    assert len(theirs) == len(_RESULTS)
    for path in theirs:
        assert (both.ours / path.relative_to(both.theirs)).read_bytes() == path.read_bytes()
