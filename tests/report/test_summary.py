"""summary.json and its small relatives: what other services read."""

from __future__ import annotations

import json
import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.config.load import load
from piufarm.counts_file import render_counts
from piufarm.names import SectionName
from piufarm.report.json_sections import json_sections
from piufarm.report.summary import Verdict, merge, read_summary
from piufarm.states import COUNTS_COLUMNS, PackageState
from piufarm.store.model import ComputedState
from tests.report.sample import SID, SampleFarm, fill, index_package, make_farm, set_states

_FLAGS = st.sampled_from("FXWP-")
_VERDICTS = st.builds(Verdict, _FLAGS, st.integers(0, 9), st.sampled_from(["https://a/", "https://b/"]))


def _with_states(farm: SampleFarm, section: SectionName, states: dict[str, PackageState], blocked: int = 0) -> None:
    """A section with the binaries of one source, `it`, in these states."""
    store = farm.open()
    fill(store, section, [index_package(name, source="it") for name in states])
    set_states(store, section, {name: ComputedState(state, "", blocked=blocked) for name, state in states.items()})
    store.close()


def _section_summary(farm: SampleFarm, name: str = "sid") -> dict[str, object]:
    content: dict[str, object] = json.loads((farm.output / name / "summary.json").read_text())
    return content


def test_the_summary_has_the_form_that_its_readers_check(site: SampleFarm) -> None:
    for path in (site.output / "summary.json", site.output / "sid/summary.json"):
        text = path.read_text()
        content = json.loads(text)
        assert set(content) == {"_comment", "_date", "_id", "_type", "_version", "packages"}
        assert content["_id"] == "Piuparts Package Test Results Summary"
        assert content["_version"] == "1.0"
        assert content["_type"] == "source"
        assert content["_date"] == "Fri Nov 20 06:30:00 UTC 2026"
        assert text == json.dumps(content, indent=1, sort_keys=True)
        for source, suites in content["packages"].items():
            for flag, blocked, url in suites.values():
                assert flag in "FXWP-"
                assert isinstance(blocked, int)
                assert re.fullmatch(rf"https://farm\.example\.org/piuparts/[^ ]+/{re.escape(source)}\.html", url)


def test_each_source_has_one_suite_in_a_section_and_overall_in_the_whole(site: SampleFarm) -> None:
    section = json.loads((site.output / "sid/summary.json").read_text())["packages"]
    assert {tuple(suites) for suites in section.values()} == {("unstable",)}
    whole = json.loads((site.output / "summary.json").read_text())["packages"]
    assert {tuple(suites) for suites in whole.values()} <= {("overall", "unknown", "unstable"), ("overall", "unstable"),
                                                            ("overall", "stable", "unstable")}


def test_the_pages_that_the_summary_links_to_exist(site: SampleFarm) -> None:
    for suites in json.loads((site.output / "summary.json").read_text())["packages"].values():
        for _, _, url in suites.values():
            assert (site.output / url.removeprefix("https://farm.example.org/piuparts/")).is_file()


@pytest.mark.parametrize(
    ("states", "flag"),
    [
        (["successfully-tested"], "P"),
        (["successfully-tested", "waiting-to-be-tested"], "W"),
        (["waiting-for-dependency-to-be-tested"], "W"),
        (["waiting-to-be-tested", "cannot-be-tested"], "X"),
        (["dependency-failed-testing"], "X"),
        (["dependency-cannot-be-tested"], "X"),
        (["dependency-does-not-exist"], "X"),
        (["cannot-be-tested", "failed-testing", "successfully-tested"], "F"),
        (["unknown", "successfully-tested"], "P"),
        (["unknown"], "-"),
        (["outdated"], "-"),
    ],
)
def test_the_worst_binary_speaks_for_its_source(farm: SampleFarm, states: list[str], flag: str) -> None:
    _with_states(farm, SID, {f"p{number}": PackageState(state) for number, state in enumerate(states)}, blocked=4)
    farm.report()
    blocked = 4 if flag == "F" else 0
    address = "https://farm.example.org/piuparts/sid/source/i/it.html"
    assert _section_summary(farm)["packages"] == {"it": {"unstable": [flag, blocked, address]}}


def test_only_sources_with_a_binary_that_the_section_tests_are_exported(farm: SampleFarm) -> None:
    store = farm.open()
    fill(
        store,
        SID,
        [
            index_package("tested", "outside", source="one"),
            index_package("outside", source="two", listed=False),  # counts as good, and nobody has tested it
        ],
    )
    good = ComputedState(PackageState.SUCCESSFULLY_TESTED, "")
    set_states(store, SID, {"tested": good, "outside": good})
    store.close()
    farm.report()
    address = "https://farm.example.org/piuparts/sid/source/o/one.html"
    assert _section_summary(farm)["packages"] == {"one": {"unstable": ["P", 0, address]}}
    assert not (farm.output / "sid/source/t/two.html").exists()


def test_an_outdated_package_has_the_flag_of_the_section_that_has_it_and_tests_it(tmp_path: Path) -> None:
    farm = make_farm(tmp_path / "farm", ("exp", "gone", "also-old", "part", "sid"))
    states = {"exp": PackageState.OUTDATED, "also-old": PackageState.OUTDATED, "sid": PackageState.FAILED_TESTING}
    for name, state in states.items():
        _with_states(farm, SectionName(name), {"a": state}, blocked=3 if name == "sid" else 0)
    store = farm.open()
    part = SectionName("part")
    fill(store, part, [index_package("b"), index_package("a", source="it", listed=False)])
    set_states(store, part, {"a": ComputedState(PackageState.SUCCESSFULLY_TESTED, "")})  # not tested there
    store.look_into(SectionName("exp"), [SectionName(name) for name in ("gone", "also-old", "part", "sid")])
    store.close()
    farm.report()
    for name, verdict in {"exp": ["F", 3], "also-old": ["-", 0]}.items():
        address = f"https://farm.example.org/piuparts/{name}/source/i/it.html"
        assert _section_summary(farm, name)["packages"] == {"it": {"unknown": [*verdict, address]}}


def test_the_more_important_section_gives_the_address_when_flags_are_equal(tmp_path: Path) -> None:
    farm = make_farm(tmp_path / "farm", ("late", "first"), more="precedence = 0\n")
    for name in ("late", "first"):
        _with_states(farm, SectionName(name), {"a": PackageState.FAILED_TESTING}, blocked=2 if name == "late" else 1)
    farm.report()
    whole = json.loads((farm.output / "summary.json").read_text())["packages"]
    assert whole["it"]["overall"] == ["F", 2, "https://farm.example.org/piuparts/first/source/i/it.html"]


@settings(deadline=None)
@given(st.lists(_VERDICTS, min_size=1, max_size=6))
def test_the_merge_keeps_the_worst_flag_and_the_largest_count(verdicts: list[Verdict]) -> None:
    merged = merge({"it": {"unstable": verdict}} for verdict in verdicts)["it"]
    worst = min((verdict.flag for verdict in verdicts), key="FXWP-".index)
    assert merged["overall"] == merged["unstable"]
    assert merged["overall"].flag == worst
    assert merged["overall"].blocked == max(verdict.blocked for verdict in verdicts)
    assert merged["overall"].url == next(verdict.url for verdict in verdicts if verdict.flag == worst)


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text("{}[]\":,_idF10 ").map(str.encode))
def test_a_damaged_summary_of_an_earlier_run_counts_as_none(content: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        assert read_summary(Path(file.name)) == {}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("distro = sid", ("unstable",)),
        ("distro = unstable", ("unstable",)),
        ("distro = experimental", ("experimental",)),
        ("distro = rc-buggy", ("experimental",)),
        ("distro = testing", ("testing",)),
        ("distro = forky", ("testing",)),
        ("distro = trixie-proposed-updates", ("stable",)),
        ("distro = bookworm", ("oldstable",)),
        ("distro = Debian13.2", ("stable",)),
        ("distro = jessie", ("unknown",)),
        ("upgrade-test-distros = bookworm trixie forky", ("testing",)),
        ("upgrade-test-distros = trixie sid nonsense", ("unstable",)),
        ("distro = sid\njson-sections = none", ()),
        ("distro = sid\njson-sections = default", ("unstable",)),
        ("distro = sid\njson-sections = testing default", ("testing", "unstable")),
    ],
)
def test_a_section_speaks_for_a_suite(tmp_path: Path, settings: str, expected: tuple[str, ...]) -> None:
    path = tmp_path / "piuparts.conf"
    path.write_text(f"[global]\nsections = one\n\n[one]\n{settings}\n")
    assert json_sections(load(path).sections[SectionName("one")], date(2026, 11, 20)) == expected


def test_a_section_that_speaks_for_none_has_no_summary(tmp_path: Path) -> None:
    farm = make_farm(tmp_path / "farm", more="json-sections = none\n")
    _with_states(farm, SID, {"a": PackageState.FAILED_TESTING})
    farm.report()
    assert not (farm.output / "sid/summary.json").exists()
    assert json.loads((farm.output / "summary.json").read_text())["packages"] == {}


def test_counts_txt_has_its_columns_and_a_line_a_day() -> None:
    text = render_counts([(date(2026, 11, 20), {"successfully-tested": 70802, "outdated": 3})])
    header, line = text.splitlines()
    assert header == "date, " + ", ".join(COUNTS_COLUMNS)
    assert line == "20261120, 70802, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3"


def test_counts_txt_of_a_site_has_every_day_once(site: SampleFarm) -> None:
    lines = (site.output / "sid/counts.txt").read_text().splitlines()
    days = [line.split(",")[0] for line in lines[1:]]
    assert len(days) == 31
    assert days == sorted(set(days))


def test_sections_yaml_lists_the_sections(site: SampleFarm) -> None:
    assert (site.output / "sections.yaml").read_text() == "- sid\n- stable2next\n- tarball/new\n"
