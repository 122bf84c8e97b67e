"""Why a package did not pass, in a few words, from its log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from demo.watch import PackageProgress

_FAILURE: Final = re.compile(r"^\S+ ERROR: (?:FAIL: )?(?P<text>.*?):?$", re.MULTILINE)
_CHROOT: Final = re.compile(r"'chroot', '[^']*', ")  # of no interest here
_HEAD_BYTES: Final = 1 << 20


def reason(master: Path, package: PackageProgress) -> str:
    """The first failure in the log, the pre-check's message of an untestable package, "" for one that passed."""
    if package.outcome not in ("fail", "untestable"):
        return package.text
    path = master / package.section / package.outcome / f"{package.name}_{package.version}.log"
    with path.open("rb") as stream:
        log = stream.read(_HEAD_BYTES).decode("utf-8", "replace")
    if package.outcome == "untestable":
        return log.splitlines()[1]
    failure = _FAILURE.search(log)
    return _CHROOT.sub("", failure["text"]) if failure else "see its log"
