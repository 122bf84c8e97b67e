from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from piufarm.errors import UsageError
from piufarm.slave.tester.command_line import arguments
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.command_line.parse import parse_options
from piufarm.slave.tester.output.log import Level
from piufarm.slave.tester.state.ignores import IgnoreRule, builtin_rules


def parse(*words: str) -> Options:
    parser = argparse.ArgumentParser(prog="piufarm test")
    arguments.configure(parser)
    return parse_options(parser.parse_intermixed_args(words), words)


def test_options_and_operands_may_be_mixed() -> None:
    options = parse("a", "--apt", "-d", "bookworm", "b=1", "--no-diversions", "c")
    assert options.operands == ("a", "b=1", "c")
    assert options.root.distribution == "bookworm"
    assert not options.checks.diversions


def test_defaults() -> None:
    options = parse("--apt", "a")
    assert (options.root.distribution, options.output.log_level, options.command_seconds) == ("sid", Level.DUMP, 3600)
    assert options.command_output_bytes == 8 * 1024 * 1024
    assert options.limits


def test_the_slaves_command_line_is_understood(tmp_path: Path) -> None:
    base = tmp_path / "base.tgz"
    base.touch()
    options = parse(
        *("--skip-logrotatefiles-test", "--no-eatmydata", "--proxy", "http://p:3128"),
        *("--mirror", "http://m/debian/ main contrib", "--tmpdir", str(tmp_path), "--arch", "amd64", "-b", str(base)),
        *("-d", "bookworm", "--no-upgrade-test", "--apt", "hello=2.10-3"),
    )
    assert options.root.mirrors == ("http://m/debian/ main contrib",)
    assert (options.root.tarball, options.root.arch, options.tmpdir) == (base, "amd64", tmp_path)
    assert not options.checks.logrotate_files


def test_no_ignores_forgets_what_came_before_it() -> None:
    options = parse("--apt", "a", "-i", "/x", "-n", "-i", "/y", "-I", ":/z.*")
    assert options.checks.rules == (IgnoreRule("/y", False), IgnoreRule("/z.*", True, True))


def test_ignores_are_added_to_the_built_in_ones() -> None:
    rules = parse("--apt", "a", "-i", "/x").checks.rules
    assert rules == (*builtin_rules(), IgnoreRule("/x", False))


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (["--docker-image", "x"], "--basetgz"), (["--lvm-volume", "x"], "--existing-chroot"),
        (["--lvm-snapshot-size", "1G"], "--existing-chroot"),
    ],
)  # fmt: skip
def test_what_is_not_supported_names_what_to_use(
    words: list[str], instead: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("--apt", "a", *words)
    assert ended.value.code == 2
    assert f"{words[0]} is not supported: use {instead}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "no packages"),
        (["--apt", "a", "-d", "bookworm", "-d", "trixie", "--keep-sources-list"], r"has to change sources\.list"),
        (["--apt", "a", "--distupgrade-to-testdebs"], "needs packages to upgrade to"),
        (["--apt", "a", "--testdebs-repo", "somewhere"], "not a repository"),
        (["--apt", "a", "--scriptsdir", "/nonexistent"], "not a directory"),
        (["--apt", "a", "--bindmount", "/nonexistent"], "not a directory"),
        (["--apt", "a", "--bindmount", "/"], "cannot be shown"),
        (["--apt", "a", "--bindmount", "/proc/self/fd"], "cannot be shown"),
        (["--apt", "a", "-b", "/nonexistent"], "no such file"),
        (["--apt", "a", "-t", "/nonexistent"], "not a directory"),
        (["--apt", "a", "-e", "/etc/passwd"], "not a directory"),
        (["--apt", "a", "-K", "/nonexistent"], "no such file"),
        (["--apt", "a", "--extra-old-packages", "b c"], "not a package name: 'b c'"),
        (["--apt", "a", "--fake-essential-packages=-y"], "not a package name: '-y'"),
        (["--apt", "a", "-I", "("], "not a regular expression"),
        (["--apt", "a", "-b", "/etc/passwd", "--schroot", "x"], "a schroot has a root of its own"),
        (["--apt", "a", "-p", "-e", "/"], "more than one root"),
        (["--apt", "a", "-s", "x.tgz", "--schroot", "x"], "cannot be saved"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_reason(words: list[str], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse(*words)


def test_an_unknown_log_level_shows_everything() -> None:
    assert parse("--apt", "a", "--log-level", "nonsense").output.log_level is Level.DUMP
    assert parse("--apt", "a", "--log-level", "error").output.log_level is Level.ERROR


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x"])
def test_a_limit_is_a_positive_number(text: str) -> None:
    with pytest.raises(SystemExit):
        parse("--apt", "a", "--max-command-output-size", text)
