"""Whether two tests of a package say the same to a reader: verdict, findings, what was installed, what scripts said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from piufarm.outcome import Finding, Outcome

# What differs between any two runs, or says only in how many steps apt went about it.
_STAMP: Final = re.compile(r"^[0-9]+m[0-9.]+s [A-Z]+: |^  ")
_CHROOT: Final = re.compile(r"/tmp[a-z0-9_]{8}\b")
_BOOKKEEPING: Final = re.compile(
    r"$|Starting command: |Command ok: |Created a chroot |Reading |Building |The following |  [a-z0-9]|"
    r"[0-9]+ upgraded, |Need to get |After this operation, |Get:[0-9]+ |Fetched |\(Reading database |"
    r"Processing triggers |Preparing to unpack |Selecting previously |debconf: delaying |Extracting templates |"
    r"Preconfiguring packages|[a-z-]+ is already the newest|.* set to manually installed|making a layer of|"
    r"Use 'apt autoremove'|Scanning |Note, selecting "
)


def significant_lines(lines: Iterable[str]) -> set[str]:
    """Lines of a log without times, names of chroots and what apt says of its own doings."""
    found = set()
    for line in lines:
        plain = _CHROOT.sub("/CHROOT", _STAMP.sub("", line))
        if not _BOOKKEEPING.match(plain):
            found.add(plain)
    return found


def differing_lines(one: Iterable[str], other: Iterable[str]) -> Iterator[str]:
    """Lines that only one of two logs has; they may come from another order of the same steps."""
    ours, theirs = significant_lines(one), significant_lines(other)
    yield from (f"only on layers: {line}" for line in sorted(ours - theirs))
    yield from (f"only from the base alone: {line}" for line in sorted(theirs - ours))


def differences(
    one: tuple[Outcome | None, Sequence[Finding]], other: tuple[Outcome | None, Sequence[Finding]]
) -> Iterator[str]:
    """What one test says on layers and the other one from the base alone does not, or the other way round."""
    if one[0] is not other[0]:
        yield f"verdict: {one[0]}, and from the base alone {other[0]}"
    ours, theirs = ({_told(finding) for finding in side[1]} for side in (one, other))
    yield from (f"finding only on layers: {text}" for text in sorted(ours - theirs))
    yield from (f"finding only from the base alone: {text}" for text in sorted(theirs - ours))


def _told(finding: Finding) -> str:
    return f"{finding.check} ({finding.severity}): {_CHROOT.sub('/CHROOT', finding.text)}"
