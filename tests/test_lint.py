"""Linters as tests: what they find is a failure like any other."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Final

import pytest

from piufarm.__main__ import COMMANDS
from piufarm.run import Completed, clean_environment, run
from tests.support.clone import (
    CLONE,
    PIUFARM,
    first_line,
    imports_of,
    perl_files,
    python_files,
    shell_files,
    tracked_files,
)

PINNED: Final = CLONE / ".lint" / "bin"  # made by bin/test
CONF: Final = CLONE / "conf"
INTERPRETERS: Final = ("#!/usr/bin/python3", "#!/bin/sh", "#!/bin/bash", "#!/usr/bin/perl", "#!/usr/bin/make -f")


@pytest.fixture(scope="module")
def linters() -> Path:
    """The folder of the pinned linters."""
    assert PINNED.is_dir(), "no pinned linters: run bin/test once, which makes .lint/"
    return PINNED


def _said(completed: Completed) -> str:
    return (completed.stdout + completed.stderr).decode("utf-8", "replace").strip()


def _must_be_content(completed: Completed) -> None:
    """Fail with what the linter says, and nothing else."""
    if completed.status != 0 or _said(completed):
        pytest.fail(f"status {completed.status}\n{_said(completed)}", pytrace=False)


def test_ruff_has_nothing_to_say(linters: Path) -> None:
    words = ["check", "--quiet", "--output-format=concise", "--no-cache"]
    _must_be_content(run([linters / "ruff", *words, CLONE], cwd=CLONE, check=False))


def test_mypy_strict_has_nothing_to_say(linters: Path) -> None:
    _must_be_content(run([linters / "mypy", "--no-error-summary"], cwd=CLONE, check=False))


def test_shellcheck_has_nothing_to_say() -> None:
    assert shell_files()
    _must_be_content(run(["shellcheck", *shell_files()], check=False))


def test_every_perl_script_compiles() -> None:
    for script in perl_files():
        checked = run(["perl", "-c", script], check=False)
        assert _said(checked) == f"{script} syntax OK"


def test_scripts_name_the_interpreter_of_the_distribution() -> None:
    """Another python on the PATH has no apt_pkg; `env` would find it."""
    scripts = [path for path in tracked_files() if first_line(path).startswith("#!")]
    assert {str(path): first_line(path) for path in scripts if first_line(path) not in INTERPRETERS} == {}


def test_scripts_for_people_are_executable() -> None:
    folders = [path for path in tracked_files() if path.parent in (CLONE / "bin", CLONE / ".ci")]
    assert folders
    assert [path.name for path in folders if not os.access(path, os.X_OK)] == []


# -- the command line -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_each_command_explains_itself(command: str) -> None:
    shown = run([PIUFARM, *command.split(), "--help"], check=False)
    assert shown.status == 0, _said(shown)
    text = shown.stdout.decode()
    assert text.startswith(f"usage: piufarm {command}")
    assert COMMANDS[command].summary.split(",")[0] in " ".join(text.split())
    assert shown.stderr == b""


def test_the_overview_names_each_command() -> None:
    shown = run([PIUFARM, "--help"]).stdout.decode()
    assert [command for command in COMMANDS if f"  {command} " not in shown] == []


# -- configuration that we ship -------------------------------------------------------------------------------------


def test_systemd_units_are_sound() -> None:
    """With systemd-analyze where there is one; everywhere at least as the ini files that they are."""
    units = [path for path in tracked_files() if path.suffix in (".service", ".timer", ".socket", ".target")]
    for unit in units:
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(unit.read_text(), str(unit))
        assert "Unit" in parser or "Timer" in parser
    if units and shutil.which("systemd-analyze"):
        verified = run(["systemd-analyze", "verify", "--man=no", *units], check=False)
        complaints = [line for line in _said(verified).splitlines() if "is not executable" not in line]
        assert [line for line in complaints if any(unit.name in line for unit in units)] == []


def test_sudoers_snippets_are_sound(tmp_path: Path) -> None:
    snippets = [path for path in CONF.rglob("*sudoers*") if path.is_file()]
    for snippet in snippets:
        copy = tmp_path / snippet.name
        copy.write_bytes(snippet.read_bytes())
        copy.chmod(0o440)
        assert run(["/usr/sbin/visudo", "-cf", copy], check=False).status == 0


def test_toml_and_ini_of_the_project_are_read_by_their_parsers() -> None:
    for path in tracked_files():
        if path.suffix == ".toml":
            assert tomllib.loads(path.read_text())
        elif path.suffix == ".cfg":
            assert configparser.ConfigParser().read(path) == [str(path)]


# -- what our scripts install --------------------------------------------------------------------------------------


def _foreign_modules(paths: Iterable[Path]) -> set[str]:
    """Top-level modules that these files import and that are neither ours nor Python's own."""
    tops = {module.lstrip(".").partition(".")[0] for path in paths for module in imports_of(path)}
    ours = {"piufarm", "tests", "demo", "bench", "master", "slave", "report"}
    return tops - ours - sys.stdlib_module_names - {"", "_typeshed"}  # the last is for type checkers alone


def _debian_package(module: str) -> str:
    """The Debian package that a module comes from."""
    spec = PathFinder.find_spec(module)
    assert spec is not None and spec.origin is not None, f"no module {module}"
    owner = run(["dpkg-query", "--search", spec.origin], check=False).stdout.decode()
    return owner.partition(":")[0] or f"{module} (no Debian package)"


@pytest.mark.parametrize("groups, product", [(("runtime",), True), ((), False)], ids=["product", "tests"])
def test_the_one_list_of_packages_holds_whatever_is_imported(groups: tuple[str, ...], product: bool) -> None:
    listed = set(run([CLONE / "bin" / "packages", "list", *groups]).stdout.decode().split())
    tops = ("piufarm", "master", "slave", "report")
    files = [path for path in python_files() if not product or path.relative_to(CLONE).parts[0] in tops]
    needed = {_debian_package(module) for module in _foreign_modules(files)}
    assert needed - listed == set()


# -- what must not be in the files ----------------------------------------------------------------------------------


def _hosts(text: str) -> Iterator[str]:
    for match in re.finditer(r"\b(?:https?|ftp)://(?:[^/@\s]*@)?([A-Za-z0-9.-]+)", text):
        yield match[1].lower()


def _package_hosts() -> set[str]:
    """The hosts that packages come to this machine from: apt's, pip's."""
    apt = Path("/etc/apt")
    sources = [apt / "sources.list", *sorted((apt / "sources.list.d").glob("*"))]
    pip = [Path("/etc/pip.conf"), Path("/root/.config/pip/pip.conf"), Path("/root/.pip/pip.conf")]
    texts = [path.read_text(errors="replace") for path in (*sources, *pip) if path.is_file()]
    active = [line for text in texts for line in text.splitlines() if not line.lstrip().startswith("#")]
    configured = run(["apt-config", "dump"], env=clean_environment()).stdout.decode()
    return {host for text in (*active, configured) for host in _hosts(text)} - {"localhost", "127.0.0.1"}


def test_no_file_names_the_hosts_that_packages_come_from() -> None:
    """A mirror is always taken from the machine that it is used on."""
    hosts = _package_hosts()
    assert hosts, "this machine's apt sources name no host"
    found = {
        f"{path.relative_to(CLONE)}: {host}"
        for path in tracked_files()
        for host in hosts & set(_hosts(path.read_bytes().decode("utf-8", "replace")))
    }
    assert found == set()


def test_text_files_are_utf8_and_end_in_one_newline() -> None:
    offences = []
    for path in tracked_files():
        content = path.read_bytes()
        if b"\0" in content or path.parts[-2:-1] == ("data",):
            continue
        content.decode("utf-8")
        if content and (not content.endswith(b"\n") or content.endswith(b"\n\n")):
            offences.append(str(path.relative_to(CLONE)))
    assert offences == []


def test_all_python_is_checked_by_mypy() -> None:
    """A new folder of Python must be added to `files` in setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(CLONE / "setup.cfg")
    checked = {name.strip() for name in parser["mypy"]["files"].split(",")} | {"master", "slave", "report"}
    folders = {path.relative_to(CLONE).parts[0] for path in python_files() if path.suffix == ".py"}
    assert folders <= checked
