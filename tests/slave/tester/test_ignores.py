from __future__ import annotations

import pytest

from piufarm.errors import UsageError
from piufarm.slave.tester.ignores import Ignored, IgnoreRule, Ignores, builtin_rules


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
