from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.debs import DebSpec, build
from piufarm.errors import FarmError
from piufarm.run import run
from piufarm.slave.tester.state.control import control_of, empty_deb, parse_controls, relations
from piufarm.slave.tester.steps.dependencies import dummy_fields
from piufarm.slave.tester.steps.known import fetchable_packages


def test_an_empty_deb_is_one_that_dpkg_reads(tmp_path: Path) -> None:
    deb = tmp_path / "x.deb"
    deb.write_bytes(empty_deb({"Package": "x", "Version": "1", "Architecture": "all", "Depends": "a | b (>= 1)"}))
    assert run(["dpkg-deb", "--field", deb, "Depends"]).stdout == b"a | b (>= 1)\n"
    assert run(["dpkg-deb", "--contents", deb]).stdout.split()[-1] == b"./"
    assert control_of(deb)["Package"] == "x"


def test_a_file_that_went_away_meanwhile_is_our_trouble(tmp_path: Path) -> None:
    with pytest.raises(FarmError, match="again"):
        control_of(tmp_path / "gone.deb")


def test_control_fields_are_read_from_a_file(tmp_path: Path) -> None:
    assert control_of(build(DebSpec("probe", depends="a, b"), tmp_path))["Depends"] == "a, b"


def test_records_of_apt_are_read_with_their_folded_lines() -> None:
    output = "Package: a\nDepends: x,\n y | z\nDescription: one\n .\n two\n\nPackage: b\n\nN: a note\n"
    first, second = parse_controls(output)
    assert relations(first, "Pre-Depends", "Depends") == ["x", "y | z"]
    assert second == {"Package": "b"}


@given(st.text())
def test_no_output_of_apt_is_too_odd(text: str) -> None:
    for record in parse_controls(text):
        assert "Package" in record
    fetchable_packages(text)


@given(st.lists(st.sampled_from(["a", "b (>= 2)", "c | d", "", "e:any", " f ", "((", "g (= )"])))
def test_no_field_is_too_odd(clauses: list[str]) -> None:
    controls = [{"Package": "a", "Version": "1", "Depends": ",".join(clauses), "Conflicts": ", ".join(clauses)}]
    fields = dummy_fields(controls)
    assert fields is None or fields["Package"] == "piuparts-depends-dummy"


def test_only_what_can_be_fetched_is_known() -> None:
    output = "Package: a\nFilename: a.deb\n\nPackage: rest\nStatus: deinstall ok\n\nPackage: b\nMD5sum: 1\n"
    assert fetchable_packages(output) == {"a", "b"}


def test_the_dummy_needs_what_the_packages_need_of_others() -> None:
    controls = [
        {"Package": "one", "Version": "1", "Pre-Depends": "pre", "Depends": "two (>= 2), helper, virtual, three",
         "Conflicts": "virtual, enemy"},
        {"Package": "two", "Version": "2", "Architecture": "amd64", "Provides": "virtual, three (= 7)",
         "Depends": "one (>> 1), helper, three (>= 8)"},
    ]  # fmt: skip
    fields = dummy_fields(controls)
    assert fields is not None
    assert fields["Depends"] == "pre, helper, one (>> 1), three (>= 8)"
    assert (fields["Conflicts"], fields["Architecture"]) == ("enemy", "amd64")


def test_there_is_no_dummy_without_needs() -> None:
    assert dummy_fields([{"Package": "a", "Depends": "b"}, {"Package": "b"}]) is None
