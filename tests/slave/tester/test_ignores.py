from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.errors import UsageError
from piufarm.slave.tester.state.ignores import Ignored, IgnoreRule, Ignores, builtin_rules


@pytest.fixture(scope="module")
def builtin() -> Ignores:
    return Ignores(builtin_rules(), ignore_tmp=True)


@pytest.mark.parametrize(
    "path", ["/etc/ld.so.cache", "/etc/cron.d/", "/var/lib/dpkg/status", "/run/x", "/var/lib/citadel/data/x", "/tmp/x"]
)
def test_built_in_rules_cover(builtin: Ignores, path: str) -> None:
    assert builtin.covers(path) is Ignored.QUIETLY


@pytest.mark.parametrize("path", ["/etc/cron.d", "/etc/cron.d/x", "/etc/x", "/var/lib/dpkg/info/x.list", "/root/.rnd"])
def test_built_in_rules_do_not_cover(builtin: Ignores, path: str) -> None:
    assert builtin.covers(path) is Ignored.NO


def test_expressions_are_found_anywhere_in_a_path(builtin: Ignores) -> None:
    assert builtin.covers("/usr/share/dev/x") is Ignored.QUIETLY
    assert builtin.covers("/var/tmp/x") is Ignored.QUIETLY


def test_for_links_expressions_must_match_the_whole_path(builtin: Ignores) -> None:
    assert builtin.covers_whole("/usr/share/dev/x") is Ignored.NO
    assert builtin.covers_whole("/run/x") is Ignored.QUIETLY


def test_kernel_modules_are_mentioned(builtin: Ignores) -> None:
    assert builtin.covers("/usr/lib/modules/5/") is Ignored.ALOUD


def test_the_155_paths_and_27_expressions_of_the_predecessor_are_there_and_one_path_of_ours() -> None:
    rules = builtin_rules()
    assert (sum(not rule.is_pattern for rule in rules), sum(rule.is_pattern for rule in rules)) == (155 + 1, 27)


def test_the_temporary_directory_counts_in_a_pedantic_test() -> None:
    assert Ignores(builtin_rules(), ignore_tmp=False).covers("/tmp/x") is Ignored.NO


def test_a_leading_colon_asks_for_a_mention() -> None:
    rules = [IgnoreRule.parse(":/etc/x", is_pattern=False), IgnoreRule.parse(":/opt/.*", is_pattern=True)]
    ignores = Ignores(rules, ignore_tmp=True)
    assert ignores.covers("/etc/x") is Ignored.ALOUD
    assert ignores.covers("/opt/y") is Ignored.ALOUD


def test_a_quiet_rule_wins_over_a_loud_one() -> None:
    rules = [IgnoreRule.parse(text, is_pattern=False) for text in (":/etc/x", "/etc/x")]
    assert Ignores(rules, ignore_tmp=True).covers("/etc/x") is Ignored.QUIETLY


def test_a_bad_expression_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not a regular expression"):
        IgnoreRule.parse("/etc/(", is_pattern=True)


def test_anchored_built_in_rules_hide_only_what_they_were_meant_to() -> None:
    ignores = Ignores(builtin_rules(), ignore_tmp=True, anchored=True)
    assert ignores.covers("/run/x") is ignores.covers("/tmp/x") is ignores.covers("/etc/group") is Ignored.QUIETLY
    assert ignores.covers("/usr/share/dev/x") is ignores.covers("/var/tmp/x") is Ignored.NO
    assert ignores.covers("/usr/lib/modules/5/modules.dep") is ignores.covers("/lib/modules/5/") is Ignored.ALOUD


def test_rules_of_the_command_line_are_always_searched() -> None:
    ignores = Ignores([IgnoreRule.parse("/dev/.*", is_pattern=True)], ignore_tmp=False, anchored=True)
    assert ignores.covers("/usr/share/dev/x") is Ignored.QUIETLY


PARTS = st.sampled_from(["run", "dev", "tmp", "usr", "lib", "modules", "var", "mail", "srv", "etc", "x"])
ANY_PATHS = st.lists(PARTS, min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


@given(ANY_PATHS)
def test_anchored_rules_never_hide_more(path: str) -> None:
    anchored = Ignores(builtin_rules(), ignore_tmp=True, anchored=True)
    if Ignores(builtin_rules(), ignore_tmp=True).covers(path) is Ignored.NO:
        assert anchored.covers(path) is Ignored.NO
    assert anchored.covers_whole(path) is anchored.covers(path)


@given(st.lists(ANY_PATHS, max_size=3), ANY_PATHS)
def test_exact_rules_cover_themselves_and_nothing_else(exact: list[str], path: str) -> None:
    ignores = Ignores([IgnoreRule.parse(text, is_pattern=False) for text in exact], ignore_tmp=False)
    assert (ignores.covers(path) is Ignored.QUIETLY) is (path in exact)
