"""Alternatives, from update-alternatives' own record of them: one file each in /var/lib/dpkg/alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

ALTERNATIVES: Final = "/var/lib/dpkg/alternatives/"


class Alternative(NamedTuple):
    """A generic name: how it chooses (auto or manual), its links, and what there is to choose from, with priority."""

    mode: str
    links: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]  # path, priority


def parse_alternative(content: bytes) -> Alternative:
    """From the content of one file.

    Mode and link; name and link of each slave, up to an empty line; then for each choice its path, its priority and one
    line for each slave, up to another empty line. A file that ends early has what it has.
    """
    lines = iter(content.decode("utf-8", "surrogateescape").split("\n"))
    mode, link = next(lines, ""), next(lines, "")
    slaves = dict(_pairs(lines))
    choices: list[tuple[str, str]] = []
    while path := next(lines, ""):
        choices.append((path, next(lines, "")))
        for _ in slaves:
            next(lines, "")
    return Alternative(mode, (link, *sorted(slaves.values())), tuple(sorted(choices)))


def _pairs(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    while name := next(lines, ""):
        yield name, next(lines, "")


def difference(before: Alternative, after: Alternative) -> str:
    """What has become of an alternative, in words; empty if nothing has."""
    words = []
    if before.mode != after.mode:
        words.append(f"mode {before.mode} -> {after.mode}")
    if before.links != after.links:
        words.append("other links")
    words += [f"without {path}" for path, _ in before.choices if path not in dict(after.choices)]
    words += [f"with {path}" for path, _ in after.choices if path not in dict(before.choices)]
    words += [
        f"{path} has priority {dict(after.choices)[path]} instead of {priority}"
        for path, priority in before.choices
        if dict(after.choices).get(path, priority) != priority
    ]
    return ", ".join(words)
