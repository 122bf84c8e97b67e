from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.output.reproduce import reproduction


def words(line: str) -> list[str]:
    return shlex.split(line.rpartition(" && ")[2])[1:]


def apt(*given: str, operands: tuple[str, ...] = ("hello",)) -> Options:
    return Options(operands, apt=True, words=("test", *given))


def test_packages_are_asked_for_in_the_version_that_was_tested() -> None:
    line = reproduction(apt("-d", "sid", "--apt", "hello"), {"hello": "2.10-3"})
    assert words(line) == ["test", "-d", "sid", "--apt", "hello=2.10-3"]


def test_a_version_that_was_given_or_is_not_known_is_left_alone() -> None:
    options = apt("--apt", "hello=1", "vanished", operands=("hello=1", "vanished"))
    assert words(reproduction(options, {"hello": "2"})) == ["test", "--apt", "hello=1", "vanished"]


def test_architectures_stay_and_suites_become_versions() -> None:
    options = apt("--apt", "a:i386", "b/sid", operands=("a:i386", "b/sid"))
    assert words(reproduction(options, {"a": "1", "b": "2"}))[2:] == ["a:i386=1", "b=2"]


def test_an_option_with_the_name_of_a_package_keeps_it() -> None:
    line = reproduction(apt("--extra-old-packages", "hello", "--apt", "hello"), {"hello": "2"})
    assert words(line) == ["test", "--extra-old-packages", "hello", "--apt", "hello=2"]


def test_where_the_output_went_is_left_out() -> None:
    given = ("--result", "r", "-l", "x", "--log-file=y", "-k", "--shell-on-error", "-v", "--apt", "hello")
    assert words(reproduction(apt(*given), {})) == ["test", "--apt", "hello"]


def test_layers_of_a_batch_that_is_over_are_left_out() -> None:
    given = ("--layers", "/spool/plan.json", "--recheck-layers", "--layers-disk=9", "-d", "sid", "--apt", "hello")
    assert words(reproduction(apt(*given), {})) == ["test", "-d", "sid", "--apt", "hello"]


def test_files_are_named_from_the_top() -> None:
    options = Options(("build/x 1.deb",), words=("test", "build/x 1.deb"))
    assert words(reproduction(options, {})) == ["test", str(Path("build/x 1.deb").absolute())]


def test_relative_paths_of_options_are_found_again() -> None:
    line = reproduction(apt("-b", "setup.cfg", "--apt", "hello"), {})
    assert line.startswith(f"cd {shlex.quote(str(Path.cwd()))} && ")


def test_another_configuration_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIUPARTS_CONF", "/etc/my conf")
    assert reproduction(apt("--apt", "hello"), {}).startswith("PIUPARTS_CONF='/etc/my conf' ")
