"""The predecessor's command line, option by option: what people and slaves type keeps its meaning."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.config.model import ChrootBackend
from piufarm.errors import UsageError
from piufarm.slave.tester.command_line import arguments
from piufarm.slave.tester.command_line.options import DEBFOSTER_OPTIONS, Options, UsrMove
from piufarm.slave.tester.command_line.parse import parse_options
from piufarm.slave.tester.output.log import Level
from piufarm.slave.tester.roots.testdebs import testdebs_line as line_of_testdebs
from tests.support.clone import CLONE

Meaning = Callable[[Options], object]

# Each option with a value as people give it, what it changes, and to what.
OPTIONS: Final[tuple[tuple[str, Meaning, object], ...]] = (
    ("-a", lambda o: o.apt, True),
    ("--apt", lambda o: o.apt, True),
    ("-d bookworm", lambda o: o.tests.distributions, ("bookworm",)),
    ("--distribution bookworm -d trixie", lambda o: (o.root.distribution, o.tests.distributions),
     ("bookworm", ("bookworm", "trixie"))),
    ("-D ubuntu", lambda o: (o.root.flavour, o.root.distribution), ("ubuntu", "devel")),
    ("--defaults debian", lambda o: (o.root.flavour, o.root.distribution), ("debian", "sid")),
    ("-m http://m.example", lambda o: o.root.mirrors, ("http://m.example",)),
    ("--mirror http://m.example -m http://n.example", lambda o: len(o.root.mirrors), 2),
    ("--extra-repo one --extra-repo two", lambda o: o.root.extra_repos, ("one", "two")),
    ("--testdebs-repo /srv/debs", lambda o: o.tests.testdebs_repo, "deb [ trusted=yes ] file:///srv/debs ./"),
    ("--testdebs-repo /srv/debs --distupgrade-to-testdebs", lambda o: o.tests.distupgrade_to_testdebs, True),
    ("--distupgrade-to-testdebs-from DIR",
     lambda o: (o.tests.distupgrade_to_testdebs, o.tests.testdebs_repo, [str(path) for path in o.root.bind_mounts]),
     (True, "deb [ trusted=yes ] file://DIR ./", ["DIR"])),
    ("--keep-sources-list", lambda o: o.root.keep_sources_list, True),
    ("--arch i386", lambda o: o.root.arch, "i386"),
    ("-b FILE", lambda o: str(o.root.tarball), "FILE"),
    ("--basetgz FILE", lambda o: str(o.root.tarball), "FILE"),
    ("-e DIR", lambda o: str(o.root.directory), "DIR"),
    ("--existing-chroot DIR --hard-link", lambda o: str(o.root.directory), "DIR"),
    ("--schroot name", lambda o: (o.root.schroot, o.root.backend), ("name", ChrootBackend.SCHROOT)),
    ("--merged-usr", lambda o: o.root.merged_usr, True),
    ("-K FILE", lambda o: str(o.root.keyring), "FILE"),
    ("--keyring FILE", lambda o: str(o.root.keyring), "FILE"),
    ("--do-not-verify-signatures", lambda o: o.root.verify_signatures, False),
    ("--no-check-valid-until", lambda o: o.root.check_valid_until, False),
    ("--proxy http://p.example:3128", lambda o: o.root.proxy, "http://p.example:3128"),
    ("--update-retries 3", lambda o: o.root.update_retries, 3),
    ("--install-recommends", lambda o: o.root.install_recommends, True),
    ("--install-suggests", lambda o: o.root.install_suggests, True),
    ("--no-eatmydata", lambda o: o, None),
    ("--dpkg-noforce-unsafe-io", lambda o: o.root.unsafe_io, False),
    ("--dpkg-force-confdef", lambda o: o.root.force_confdef, True),
    ("--allow-database", lambda o: o.root.allow_database, True),
    ("--bindmount DIR", lambda o: [str(path) for path in o.root.bind_mounts], ["DIR"]),
    ("-s FILE", lambda o: str(o.root.save), "FILE"),
    ("--save FILE", lambda o: str(o.root.save), "FILE"),
    ("--minimize", lambda o: o.root.debfoster, DEBFOSTER_OPTIONS),
    ("--minimize --skip-minimize", lambda o: o.root.debfoster, DEBFOSTER_OPTIONS),
    ("--minimize --debfoster-options=-f", lambda o: o.root.debfoster, ("-f",)),
    ("--debfoster-options=-f", lambda o: o.root.debfoster, None),
    ("--skip-minimize", lambda o: o.root.debfoster, None),
    ("--fake-essential-packages a,b --fake-essential-packages c", lambda o: o.root.fake_essential_packages,
     ("a", "b", "c")),
    ("--extra-old-packages a,b", lambda o: o.tests.extra_old_packages, ("a", "b")),
    ("--scriptsdir DIR", lambda o: o.tests.scripts is not None, True),
    ("--no-install-purge-test", lambda o: o.tests.install_purge, False),
    ("--no-upgrade-test", lambda o: o.tests.upgrade, False),
    ("--install-purge-install", lambda o: o.tests.install_purge_install, True),
    ("--install-remove-install", lambda o: o.tests.install_remove_install, True),
    ("--upgrade-before-dist-upgrade", lambda o: o.tests.upgrade_before_dist_upgrade, True),
    ("-S FILE", lambda o: str(o.tests.save_end_meta), "FILE"),
    ("--save-end-meta FILE", lambda o: str(o.tests.save_end_meta), "FILE"),
    ("-B FILE", lambda o: str(o.tests.end_meta), "FILE"),
    ("--end-meta /nonexistent", lambda o: str(o.tests.end_meta), "/nonexistent"),
    ("--single-changes-list", lambda o: o.single_changes_list, True),
    ("--single-packages", lambda o: o.single_packages, True),
    ("-n -i /x", lambda o: [rule.text for rule in o.checks.rules], ["/x"]),
    ("--no-ignores --ignore :/x", lambda o: [rule.aloud for rule in o.checks.rules], [True]),
    ("-n -I /x.*", lambda o: [rule.is_pattern for rule in o.checks.rules], [True]),
    ("-n --ignore-regex /x", lambda o: len(o.checks.rules), 1),
    ("-n --ignore-regexp /x", lambda o: len(o.checks.rules), 1),
    ("--pedantic-purge-test", lambda o: o.checks.ignore_tmp, False),
    ("-N", lambda o: o.checks.symlinks, False),
    ("--no-symlinks", lambda o: o.checks.symlinks, False),
    ("--fail-on-broken-symlinks", lambda o: o.checks.broken_symlinks_fail, True),
    ("--no-diversions", lambda o: o.checks.diversions, False),
    ("--no-adequate", lambda o: o.checks.adequate, False),
    ("--fail-if-inadequate", lambda o: o.checks.inadequate_fails, True),
    ("--skip-cronfiles-test", lambda o: o.checks.cron_files, False),
    ("--skip-logrotatefiles-test", lambda o: o.checks.logrotate_files, False),
    ("--warn-on-others", lambda o: o.checks.warn_on_others, True),
    ("--warn-on-leftovers-after-purge", lambda o: o.checks.warn_on_leftovers, True),
    ("--warn-on-debsums-errors", lambda o: o.checks.warn_on_debsums, True),
    ("--warn-on-install-over-symlink", lambda o: o.checks.warn_on_over_symlink, True),
    ("--warn-on-usr-move disabled", lambda o: o.checks.usr_move, UsrMove.DISABLED),
    ("--warn-on-usr-move warn", lambda o: o.checks.usr_move, UsrMove.WARN),
    ("--warn-on-usr-move fail", lambda o: o.checks.usr_move, UsrMove.FAIL),
    ("--list-installed-files", lambda o: o.checks.list_installed_files, True),
    ("-k", lambda o: o.output.keep_env, True),
    ("--keep-env", lambda o: o.output.keep_env, True),
    ("--keep-tmpdir", lambda o: o.output.keep_env, True),
    ("--shell-on-error", lambda o: o.output.shell_on_error, True),
    ("-t DIR", lambda o: str(o.tmpdir), "DIR"),
    ("--tmpdir DIR", lambda o: str(o.tmpdir), "DIR"),
    ("-l FILE", lambda o: str(o.output.log_file), "FILE"),
    ("--log-file FILE", lambda o: str(o.output.log_file), "FILE"),
    ("--logfile FILE", lambda o: str(o.output.log_file), "FILE"),
    ("--log-level info", lambda o: o.output.log_level, Level.INFO),
    ("--max-command-output-size 2", lambda o: o.command_output_bytes, 2 << 20),
    ("-v", lambda o: o, None),
    ("--verbose", lambda o: o, None),
)
AS_USUAL: Final = ("--debfoster-options=-f", "--skip-minimize", "--warn-on-usr-move disabled")
# Those with other tests: each of them ends the command.
ENDING: Final = ("--help", "--version", "--lvm-volume", "--lvm-snapshot-size", "--docker-image")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="piufarm test")
    arguments.configure(made)
    return made


def parse(*words: str) -> Options:
    return parse_options(parser().parse_intermixed_args(words), words)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """What FILE and DIR in the words of an option stand for."""
    (tmp_path / "dir").mkdir()
    (tmp_path / "file").touch()
    return {"DIR": str(tmp_path / "dir"), "FILE": str(tmp_path / "file")}


@pytest.mark.parametrize(("words", "meaning", "value"), OPTIONS, ids=[option[0] for option in OPTIONS])
def test_each_option_of_the_predecessor_means_what_it_says(
    words: str, meaning: Meaning, value: object, places: dict[str, str]
) -> None:
    options = parse("operand", *(places.get(word, word) for word in words.split()))
    expected = repr(value)
    for name, place in places.items():
        expected = expected.replace(name, place)
    if value is not None:
        assert repr(meaning(options)) == expected
        assert (words in AS_USUAL) == (meaning(options) == meaning(parse("operand")))
    assert options.operands == ("operand",)


def test_pbuilders_tarball_stands_where_pbuilder_keeps_it_and_the_last_one_counts(places: dict[str, str]) -> None:
    words = parser().parse_intermixed_args(["-b", places["FILE"], "-p", "x"])
    assert words.tarball == Path("/var/cache/pbuilder/base.tgz")
    assert parser().parse_intermixed_args(["--pbuilder", "-b", "/y", "x"]).tarball == Path("/y")


def names_of_the_predecessor() -> list[str]:
    """Its long options."""
    named = [word.partition("=")[0] for words, _, _ in OPTIONS for word in words.split() if word.startswith("--")]
    return sorted({*named, *ENDING, "--pbuilder"})


def abbreviations() -> list[tuple[str, str]]:
    """Every beginning of a long option that no other one of the predecessor has."""
    names = names_of_the_predecessor()
    return [
        (name[:length], name)
        for name in names
        for length in range(3, len(name))
        if [other for other in names if other.startswith(name[:length])] == [name]
    ]


def test_what_was_a_unique_abbreviation_is_still_one() -> None:
    actions = parser()._option_string_actions
    for short, name in abbreviations():
        meant = {id(action) for option, action in actions.items() if option.startswith(short)}
        assert meant == {id(actions[name])}, short


def test_abbreviations_work() -> None:
    assert not parse("x", "--no-up", "--no-install-p").tests.upgrade
    assert parse("x", "--max-command=3").command_output_bytes == 3 << 20


@pytest.mark.parametrize("words", [["-V"], ["--version"], ["--vers"]])
def test_the_version_needs_no_operands(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(*words)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("piufarm ")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--warn-on-usr-move", "maybe"], "expected disabled or warn or fail, not 'maybe'"),
        (["--chroot-backend", "schroot"], "expected overlay or copy, not 'schroot'"),
        (["--update-retries", "many"], "invalid int value"),
    ],
)
def test_a_value_that_cannot_be_meant_is_told_with_those_that_can(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("x", *words)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_the_help_names_every_option_but_those_that_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse("-h")
    assert ended.value.code == 0
    text = capsys.readouterr().out
    hidden = {name for name in names_of_the_predecessor() if f"{name} " not in text and f"{name}\n" not in text
              and f"{name}," not in text}
    assert hidden == {"--lvm-volume", "--lvm-snapshot-size", "--docker-image"}


def test_the_manual_has_every_option_and_no_other() -> None:
    manual = (CLONE / "docs/tester.md").read_text().partition("## Options\n")[2]
    written = set(re.findall(r"`(--?\w[\w-]*)", manual))
    assert written == set(parser()._option_string_actions) | {"-o"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("deb http://x.example sid main", "deb http://x.example sid main"),
        ("deb [ trusted=yes ] file:/srv ./", "deb [ trusted=yes ] file:/srv ./"),
        ("/srv/debs", "deb [ trusted=yes ] file:///srv/debs ./"),
        ("http://x.example/debs", "deb [ trusted=yes ] http://x.example/debs ./"),
        ("file:///srv/debs", "deb [ trusted=yes ] file:///srv/debs ./"),
        ("copy:/srv/debs", "deb [ trusted=yes ] copy:/srv/debs ./"),
    ],
)
def test_a_repository_of_packages_under_test_is_a_line_a_directory_or_a_url(text: str, line: str) -> None:
    assert line_of_testdebs(text) == line


def test_a_directory_may_be_named_from_here_and_with_blanks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my debs").mkdir()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        line = line_of_testdebs("my debs")
    assert line == f"deb [ trusted=yes ] file://{tmp_path}/my%20debs ./"


@given(st.builds(str.__add__, st.sampled_from(["", "/", "file:", "deb a "]), st.text()))
def test_any_repository_is_one_line_of_sources_or_refused(text: str) -> None:
    try:
        line = line_of_testdebs(text)
    except UsageError:
        return
    assert line.startswith("deb ")
    assert len(line.splitlines()) == 1
    assert "\0" not in line


@given(st.lists(st.sampled_from([option[0] for option in OPTIONS if " " not in option[0]]), unique=True))
def test_options_without_values_go_together_in_any_order(words: list[str]) -> None:
    try:
        options = parse("x", *words)
    except UsageError:
        assert {"--distupgrade-to-testdebs"} & set(words)
        return
    again = parse(*reversed(words), "x")
    assert (options.root, options.tests, options.output) == (again.root, again.tests, again.output)
