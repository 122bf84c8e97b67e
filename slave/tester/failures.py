"""Whose failure is it? Reads what apt said when it failed: fetching is our business, unpacking the package's."""

from __future__ import annotations

import re
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import CommandResult, Limit
from piufarm.trouble import TroubleKind

# apt's closing word when dpkg failed: whatever scripts printed before, it was not the network. apt 3.0 may write
# `Error:` where older ones write `E:`.
_DPKG_FAILED: Final = re.compile(
    r"^(?:E|Error): Sub-process .*dpkg.* (returned an error code|received|exited unexpectedly)", re.MULTILINE
)
_BAD_FILE: Final = re.compile(r"^(?:E|Error): Could not read meta data from ", re.MULTILINE)  # of a .deb under test
# From here on code of packages runs, the questions of debconf first; everything has been fetched by then.
_PACKAGES_AT_WORK: Final = re.compile(
    r"^(Preconfiguring packages |Preparing to unpack |Selecting previously |\(Reading database |Setting up |Removing |"
    r"Purging )",
    re.MULTILINE,
)
_FETCHING: Final = (
    re.compile(r"^(?:E|Error): (Failed to fetch|Unable to fetch|Some index files failed to download).*", re.MULTILINE),
    re.compile(
        r"^.*(Could not connect|Temporary failure resolving|Connection failed|Hash Sum mismatch).*", re.MULTILINE
    ),
)
_CHROOT: Final = (
    (re.compile(r"^(?:E|Error): (You don't have enough free space in|.*No space left on device).*", re.MULTILINE),
     "the chroot has no room for the .debs", TroubleKind.DISK),
    (re.compile(r"^(?:E|Error): (The package lists or status file could not be parsed|dpkg was interrupted).*",
                re.MULTILINE), "the base image is broken", TroubleKind.CHROOT),
)
_LIMITS: Final = {
    Limit.TIME: TroubleKind.TIMEOUT,
    Limit.TEST_TIME: TroubleKind.TIMEOUT,
    Limit.DISK: TroubleKind.DISK,
    Limit.MEMORY: TroubleKind.OTHER,
}


def farm_trouble(result: CommandResult, output: str, *, fetches: bool, untouched: bool) -> FarmError | None:
    """Why a command's failure says nothing about the package, as the error to raise, or None if it does.

    `fetches`: it could reach the archive. `untouched`: before it the chroot was as the base is, apt included.
    """
    if result.trouble is not None:
        return result.trouble
    if not fetches or any(said.search(output) for said in (_PACKAGES_AT_WORK, _DPKG_FAILED, _BAD_FILE)):
        return None
    if untouched and result.stopped_by in _LIMITS:
        return FarmError(f"{result.stopped_by} limit reached while fetching", kind=_LIMITS[result.stopped_by])
    for pattern in _FETCHING:
        if match := pattern.search(output):
            return FarmError(f"apt could not fetch from the mirror: {match[0].strip()}", kind=TroubleKind.MIRROR)
    for pattern, reason, kind in _CHROOT if untouched else ():
        if match := pattern.search(output):
            return FarmError(f"{reason}: {match[0].strip()}", kind=kind)
    return None
