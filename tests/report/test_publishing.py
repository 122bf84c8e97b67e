"""Files of the site: whole or not at all, made again only for a reason, and gone when they are stale."""

from __future__ import annotations

import errno
import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.report import site as site_module
from piufarm.report.artifact import Artifact
from piufarm.report.ledger import LEDGER_NAME
from piufarm.report.paths import SitePath, site_path
from piufarm.report.publisher import Publisher, Tally
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, IndexPackage, Placement
from tests.report import logs
from tests.report.sample import NOW, SID, SampleFarm, fill, index_package, make_farm, set_states

_PACKAGES = (index_package("aa"), index_package("bb", "aa"), index_package("cc"))


def _small(farm: SampleFarm, section: SectionName = SID, packages: tuple[IndexPackage, ...] = _PACKAGES) -> None:
    """Three packages, the first of which passed and the second failed."""
    store = farm.open()
    fill(store, section, packages)
    names = {package.name for package in packages}
    for name, outcome in (("aa", Outcome.PASS), ("bb", Outcome.FAIL)):
        if name in names:
            log = (logs.passing if outcome is Outcome.PASS else logs.failing)(name, "1.0-1")
            farm.add_run(store, section, name, "1.0-1", outcome, log)
    store.close()


def _tree(output: Path) -> dict[str, bytes]:
    return {
        path.relative_to(output).as_posix(): path.read_bytes()
        for path in sorted(output.rglob("*"))
        if path.is_file() and path.name != LEDGER_NAME
    }


def _publisher(output: Path, tally: Tally | None = None) -> Publisher:
    return Publisher(output, site_path("sid"), salt="1", tally=tally or Tally())


def test_a_second_run_makes_nothing_again(farm: SampleFarm) -> None:
    _small(farm)
    first = farm.report().tally
    before = _tree(farm.output)
    second = farm.report().tally
    assert (second.rendered, second.removed) == (0, 0)
    assert second.unchanged == first.rendered
    assert _tree(farm.output) == before


def test_the_time_of_a_run_changes_only_the_summaries(farm: SampleFarm) -> None:
    _small(farm)
    farm.report()
    before = _tree(farm.output)
    farm.report(now=NOW + timedelta(minutes=5))
    after = _tree(farm.output)
    assert {name for name in after if after[name] != before.get(name)} == {"summary.json", "sid/summary.json"}


def test_a_new_result_changes_its_package_and_the_lists_and_nothing_else(farm: SampleFarm) -> None:
    _small(farm)
    farm.report()
    before = _tree(farm.output)
    store = farm.open()
    farm.add_run(store, SID, "cc", "1.0-1", Outcome.PASS, logs.passing("cc", "1.0-1"))
    store.close()
    farm.report()
    after = _tree(farm.output)
    changed = {name for name in after if after[name] != before.get(name)}
    assert {"sid/package/c/cc.html", "sid/source/c/cc.html", "sid/pass.html", "sid/index.html", "index.html"} < changed
    assert "sid/pass/cc_1.0-1.log" in changed
    assert not {name for name in changed if "/aa" in name or "/bb" in name or name == "style.css"}


def test_another_program_makes_every_page_again(farm: SampleFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    _small(farm)
    first = farm.report().tally
    monkeypatch.setattr(site_module, "program_salt", lambda: "another version")
    assert farm.report().tally.rendered == first.rendered


@pytest.mark.parametrize("harm", ["deleted", "edited", "ledger lost", "ledger broken"])
def test_a_page_that_somebody_harmed_is_made_again(farm: SampleFarm, harm: str) -> None:
    _small(farm)
    farm.report()
    before = _tree(farm.output)
    page = farm.output / "sid/package/b/bb.html"
    match harm:
        case "deleted":
            page.unlink()
        case "edited":
            page.write_text("gone")
        case "ledger lost":
            page.write_text("gone")
            (farm.output / "sid" / LEDGER_NAME).unlink()
        case _:
            page.write_text("gone")
            (farm.output / "sid" / LEDGER_NAME).write_text('{"format": 1, "pages": {"sid/index.html": 3}}')
    farm.report()
    assert _tree(farm.output) == before


def test_pages_and_logs_of_a_package_that_left_are_removed(farm: SampleFarm) -> None:
    _small(farm)
    farm.report()
    assert (farm.output / "sid/fail/bb_1.0-1.log").exists()
    store = farm.open()
    fill(store, SID, [index_package("aa"), index_package("cc")])
    store.retire(SID, [run.run_id for run in store.runs_out_of_place(SID)])
    store.close()
    assert farm.report().tally.removed >= 3
    left = _tree(farm.output)
    assert not [name for name in left if "bb" in name]
    assert b"bb" not in left["sid/fail.html"]


def test_a_result_that_is_moved_moves_its_log(farm: SampleFarm) -> None:
    _small(farm)
    farm.report()
    store = farm.open()
    (run,) = [run for run in store.runs(SID) if run.package == "bb"]
    store.set_placement(run.run_id, Placement.BUGGED)
    store.close()
    farm.report()
    assert (farm.output / "sid/bugged/bb_1.0-1.log").exists()
    assert not (farm.output / "sid/fail/bb_1.0-1.log").exists()
    assert "../../../sid/bugged/bb_1.0-1.log" in (farm.output / "sid/package/b/bb.html").read_text()


def test_what_the_report_did_not_publish_stays_and_leftovers_in_its_own_folders_go(farm: SampleFarm) -> None:
    _small(farm)
    (farm.output / "logs").mkdir(parents=True)
    (farm.output / "logs/job.txt").write_text("a job wrote this")
    (farm.output / "sid/pass").mkdir(parents=True)
    (farm.output / "sid/pass/old_1.log").write_text("from the farm before")
    (farm.output / "sid/pass/.new-killed").write_text("half a")
    (farm.output / "sid/notes.html").write_text("by the admin")
    farm.report()
    left = _tree(farm.output)
    assert {"logs/job.txt", "sid/notes.html"} < set(left)
    assert not {"sid/pass/old_1.log", "sid/pass/.new-killed"} & set(left)


def test_a_section_that_the_configuration_dropped_leaves_the_site(tmp_path: Path) -> None:
    both = make_farm(tmp_path / "farm", ("sid", "old/one"))
    for name in ("sid", "old/one"):
        _small(both, SectionName(name))
    both.report()
    (both.output / "old/one/mine.txt").write_text("by the admin")
    one = make_farm(tmp_path / "farm", ("sid",))
    one.report()
    left = _tree(one.output)
    assert [name for name in left if name.startswith("old/")] == ["old/one/mine.txt"]
    assert [path.name for path in (one.output / "old/one").iterdir()] == ["mine.txt"]
    assert b"old/one" not in left["index.html"]
    assert "sid/index.html" in left


def test_a_section_named_like_a_folder_of_another_keeps_its_pages(tmp_path: Path) -> None:
    farm = make_farm(tmp_path / "farm", ("sid", "sid/source"))
    for name in ("sid", "sid/source"):
        _small(farm, SectionName(name))
    farm.report()
    farm.report("sid")
    assert (farm.output / "sid/source/package/a/aa.html").exists()


def test_asking_for_one_section_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    farm = make_farm(tmp_path / "farm", ("sid", "testing"))
    for name in ("sid", "testing"):
        _small(farm, SectionName(name))
    farm.report()
    before = _tree(farm.output)
    farm.report("testing")
    assert _tree(farm.output) == before


def test_a_log_is_the_same_file_as_the_masters(farm: SampleFarm) -> None:
    _small(farm)
    farm.report()
    published = (farm.output / "sid/fail/bb_1.0-1.log").stat()
    assert published.st_nlink == 2
    assert published.st_ino in {path.stat().st_ino for path in farm.master_directory.rglob("*.log")}


@pytest.mark.parametrize("reason", [errno.EXDEV, errno.EPERM, errno.EMLINK])
def test_a_log_is_copied_where_links_do_not_work(
    farm: SampleFarm, reason: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    _small(farm)
    farm.report()
    log = farm.output / "sid/fail/bb_1.0-1.log"
    assert log.read_bytes() == logs.failing("bb", "1.0-1")
    inode = log.stat().st_ino
    farm.report()
    assert log.stat().st_ino == inode, "an unchanged copy was copied again"


def test_a_log_that_is_missing_or_no_file_is_named_as_missing(farm: SampleFarm, tmp_path: Path) -> None:
    _small(farm)
    for path in farm.master_directory.rglob("*.log"):
        path.unlink()
        if path.name.endswith("2.log"):
            path.symlink_to("/etc/passwd")
    outcome = farm.report()
    assert outcome.troubles == {}
    assert "its file is missing" in (farm.output / "sid/package/b/bb.html").read_text()
    assert not list(farm.output.rglob("*.log"))


def test_when_making_a_page_fails_the_old_one_stays_whole(tmp_path: Path) -> None:
    def broken() -> str:
        raise RuntimeError("half way")

    path = SitePath("sid/index.html")
    with _publisher(tmp_path) as publisher:
        publisher.publish(Artifact(path, 1, lambda: "old"))
    with pytest.raises(RuntimeError), _publisher(tmp_path) as publisher:
        publisher.publish(Artifact(path, 2, broken))
    assert {file.name: file.read_text() for file in (tmp_path / "sid").glob("[!.]*")} == {"index.html": "old"}
    assert not list((tmp_path / "sid").glob(".new-*"))
    tally = Tally()
    with _publisher(tmp_path, tally) as publisher:
        publisher.publish(Artifact(path, 1, lambda: "old"))
    assert tally.unchanged == 1


def test_a_reader_never_sees_half_a_page(tmp_path: Path) -> None:
    path = SitePath("sid/index.html")
    contents = ["a" * 300_000, "b" * 200_000]
    done = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            seen.add((tmp_path / path).read_text())

    with _publisher(tmp_path) as publisher:
        publisher.publish(Artifact(path, 0, lambda: contents[0]))
        reader = threading.Thread(target=read)
        reader.start()
        for number in range(1, 200):
            publisher.publish(Artifact(path, number, contents[number % 2].__str__))
        done.set()
        reader.join()
    assert seen <= set(contents)
    assert seen


def test_an_interrupted_run_keeps_what_it_did(farm: SampleFarm, monkeypatch: pytest.MonkeyPatch) -> None:
    _small(farm)
    made = 0
    publish = Publisher.publish

    def interrupted(self: Publisher, artifact: Artifact) -> None:
        nonlocal made
        made += 1
        if made == 4:
            raise KeyboardInterrupt
        publish(self, artifact)

    monkeypatch.setattr(Publisher, "publish", interrupted)
    with pytest.raises(KeyboardInterrupt):
        farm.report()
    monkeypatch.undo()
    assert farm.report().tally.unchanged == 3


def test_the_ledger_is_plain_json_below_the_tree_it_describes(farm: SampleFarm) -> None:
    _small(farm)
    farm.report()
    content = json.loads((farm.output / "sid" / LEDGER_NAME).read_text())
    assert "sid/index.html" in content["pages"]


def test_a_long_list_is_parted_and_each_part_leads_to_the_others(farm: SampleFarm) -> None:
    store = farm.open()
    packages = [index_package(f"p{number:04}") for number in range(1203)]
    fill(store, SID, packages)
    waits = ComputedState(PackageState.WAITING_TO_BE_TESTED, "waits for a slave")
    set_states(store, SID, {package.name: waits for package in packages})
    store.close()
    farm.report()
    parts = sorted(path.name for path in farm.output.glob("sid/state-waiting-to-be-tested*.html"))
    assert parts == [f"state-waiting-to-be-tested{end}.html" for end in ("-2", "-3", "")]
    last = (farm.output / "sid/state-waiting-to-be-tested-3.html").read_text()
    assert "p1202" in last
    assert 'href="../sid/state-waiting-to-be-tested.html"' in last
    store = farm.open()
    fill(store, SID, packages[:10])
    store.close()
    farm.report()
    assert not (farm.output / "sid/state-waiting-to-be-tested-3.html").exists()
