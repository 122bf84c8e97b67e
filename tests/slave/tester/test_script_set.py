"""Which files of script directories are scripts, and when they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.errors import UsageError
from piufarm.slave.tester.scripts.script_set import CustomScript, ScriptSet, read_scripts


def write(directory: Path, name: str | bytes, content: str = "#!/bin/sh\n", mode: int = 0o755) -> Path:
    path = directory / os.fsdecode(name)
    path.write_text(content)
    path.chmod(mode)
    return path


def names(*directories: Path) -> list[str]:
    return [script.name for script in read_scripts(directories).scripts]


def test_scripts_are_told_by_their_names(tmp_path: Path) -> None:
    for name in ("pre_test_a", "post_test_b", "is_testable_c"):
        write(tmp_path, name)
    for name in ("README.md", "helper", "xpre_test", ".pre_test", "pre-test", "pre_test_a.dpkg-old"):
        write(tmp_path, name)
    (tmp_path / "pre_remove_d").mkdir()
    (tmp_path / "post_purge_link").symlink_to("helper")
    (tmp_path / "post_purge_nothing").symlink_to("nothing")
    assert names(tmp_path) == ["is_testable_c", "post_purge_link", "post_test_b", "pre_test_a"]


def test_the_last_directory_has_the_last_word(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    for directory in (first, second):
        directory.mkdir()
        write(directory, "pre_test_both", directory.name)
    write(first, "pre_test_first", mode=0o700)
    assert read_scripts([first, second]).scripts == (
        CustomScript("pre_test_both", b"2", 0o755),
        CustomScript("pre_test_first", b"#!/bin/sh\n", 0o700),
    )
    assert read_scripts([second, first]).of("pre_test_both")[0].content == b"1"


def test_scripts_run_in_the_order_of_the_bytes_of_their_names(tmp_path: Path) -> None:
    odd = [f"pre_test_{end}".encode("latin-1") for end in ("\xff", "\xc3\xa9", "Z", "a b", "10", "9", "\n", "'")]
    for name in odd:
        write(tmp_path, name)
    assert [os.fsencode(name) for name in names(tmp_path)] == sorted(odd)


def test_a_phase_has_the_scripts_whose_names_begin_with_it(tmp_path: Path) -> None:
    for name in ("pre_install_a", "pre_installed", "pre_remove_a", "post_install_a"):
        write(tmp_path, name)
    scripts = read_scripts([tmp_path])
    assert [script.name for script in scripts.of("pre_install")] == ["pre_install_a", "pre_installed"]
    assert scripts.of("post_purge") == ()


@pytest.mark.parametrize("name", ["nothing", "file"])
def test_what_is_no_directory_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, "file")
    with pytest.raises(UsageError, match=f"script directory .*/{name}"):
        read_scripts([tmp_path / name])


def test_a_script_that_cannot_be_executed_is_refused_before_anything_is_tested(tmp_path: Path) -> None:
    path = write(tmp_path, "pre_test_a", mode=0o644)
    with pytest.raises(UsageError, match="pre_test_a is not executable") as refused:
        read_scripts([tmp_path])
    assert refused.value.hint is not None and f"chmod +x {path}" in refused.value.hint


@given(st.lists(st.text(st.characters(blacklist_characters="/\0"), min_size=1, max_size=20)))
def test_every_script_belongs_to_the_phase_that_it_is_named_after(endings: list[str]) -> None:
    phases = ("pre_install", "post_install", "pre_test")
    scripts = ScriptSet(tuple(CustomScript(f"{phase}{end}", b"", 0o755) for phase in phases for end in endings))
    assert [script for phase in phases for script in scripts.of(phase)] == list(scripts.scripts)
