"""Paths that a test does not look at: the built-in lists and the rules of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cached_property
from pathlib import Path
from typing import Final

from piufarm.errors import UsageError

_Matcher = Callable[[re.Pattern[str], str], re.Match[str] | None]


class Ignored(Enum):
    """Whether a rule covers a path, and whether the log is to mention it."""

    NO = auto()
    QUIETLY = auto()
    ALOUD = auto()


@dataclass(frozen=True)
class IgnoreRule:
    """A path, or a regular expression of paths; `aloud` reports each hit in the log."""

    text: str
    is_pattern: bool
    aloud: bool = False
    is_builtin: bool = False

    @classmethod
    def parse(cls, text: str, *, is_pattern: bool) -> IgnoreRule:
        """A rule as people write it: a leading colon means aloud. Raises UsageError for a bad expression."""
        rule = cls(text.removeprefix(":"), is_pattern, text.startswith(":"))
        if is_pattern:
            try:
                re.compile(rule.text)
            except re.error as error:
                raise UsageError(f"not a regular expression: {rule.text!r} ({error})") from error
        return rule


# What a package leaves in /tmp is forgiven unless the test is pedantic.
_TMP: Final = IgnoreRule("/tmp/.*", is_pattern=True, is_builtin=True)


def _anchored(rule: IgnoreRule) -> str:
    """The expression for whole paths; where /usr is merged, /lib is /usr/lib."""
    return rf"\A(?:/usr(?=/lib/))?(?:{rule.text})\Z"


def _lines(name: str) -> list[str]:
    text = Path(__file__).with_name(name).read_text()
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def builtin_rules() -> tuple[IgnoreRule, ...]:
    """The rules that hold for every package."""
    exact = [IgnoreRule.parse(line, is_pattern=False) for line in _lines("ignored_paths.txt")]
    patterns = [IgnoreRule.parse(line, is_pattern=True) for line in _lines("ignored_patterns.txt")]
    return tuple(replace(rule, is_builtin=True) for rule in (*exact, *patterns))


class Ignores:
    """Decides for a path (directories with their trailing slash) whether a rule covers it.

    Expressions are searched anywhere in a path, as the predecessor does; `anchored` makes the built-in ones match the
    whole path instead, as they were meant: /run/.* then is no excuse for /usr/share/foo/run/x.
    """

    def __init__(self, rules: Sequence[IgnoreRule], *, ignore_tmp: bool, anchored: bool = False) -> None:
        self._exact: dict[str, bool] = {}
        for rule in rules:
            if not rule.is_pattern:
                self._exact[rule.text] = self._exact.get(rule.text, True) and rule.aloud
        patterns = [rule for rule in rules if rule.is_pattern] + [_TMP] * ignore_tmp
        texts = [(rule, _anchored(rule) if anchored and rule.is_builtin else rule.text) for rule in patterns]
        self._quiet = [text for rule, text in texts if not rule.aloud]
        self._aloud = [text for rule, text in texts if rule.aloud]

    @cached_property
    def _patterns(self) -> tuple[list[re.Pattern[str]], list[re.Pattern[str]]]:
        return [re.compile(text) for text in self._quiet], [re.compile(text) for text in self._aloud]

    def covers(self, path: str) -> Ignored:
        """For the comparison of files."""
        return self._decide(path, re.Pattern.search)

    def covers_whole(self, path: str) -> Ignored:
        """For broken symbolic links: all expressions must match the whole path."""
        return self._decide(path, re.Pattern.fullmatch)

    def _decide(self, path: str, match: _Matcher) -> Ignored:
        quiet, aloud = self._patterns
        is_aloud = self._exact.get(path)
        if is_aloud is False or any(match(pattern, path) for pattern in quiet):
            return Ignored.QUIETLY
        if is_aloud or any(match(pattern, path) for pattern in aloud):
            return Ignored.ALOUD
        return Ignored.NO
