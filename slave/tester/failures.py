"""Whose failure is it? Reads what apt said when it failed: fetching is our business, unpacking the package's."""

from __future__ import annotations

import re
from typing import Final

from piufarm.slave.chroot.interface import CommandResult, Limit

# apt's closing word when dpkg failed: whatever scripts printed before, it was not the network.
_DPKG_FAILED: Final = re.compile(r"^(?:E|Error): Sub-process .*dpkg.* (returned an error code|received)", re.MULTILINE)
_DPKG_STARTED: Final = re.compile(
    r"^(Preparing to unpack |Selecting previously |\(Reading database |Setting up |Removing |Purging )", re.MULTILINE
)
_FARM_TROUBLE: Final = (
    (re.compile(r"^(?:E|Error): (Failed to fetch|Unable to fetch|Some index files failed to download).*", re.MULTILINE),
     "apt could not fetch from the mirror"),
    (re.compile(r"^.*(Could not connect|Temporary failure resolving|Connection failed|Hash Sum mismatch).*",
                re.MULTILINE), "apt could not fetch from the mirror"),
    (re.compile(r"^(?:E|Error): (You don't have enough free space in|.*No space left on device).*", re.MULTILINE),
     "the chroot has no room for the .debs"),
    (re.compile(r"^(?:E|Error): (The package lists or status file could not be parsed|dpkg was interrupted).*",
                re.MULTILINE), "the base image is broken"),
)
# An overlay without redirected directories cannot rename one of the base; dpkg then sees EXDEV.
_CROSS_DEVICE: Final = re.compile(r"^.*Invalid cross-device link.*", re.MULTILINE)


def farm_trouble(result: CommandResult, output: str) -> str | None:
    """Why a command's failure says nothing about the package, or None if it does."""
    cross_device = _CROSS_DEVICE.search(output)
    if cross_device:
        return f"the chroot backend cannot do what dpkg needs: {cross_device[0].strip()}"
    if not any(word in ("apt-get", "apt") for word in result.argv[:2]):
        return None
    if result.stopped_by in (Limit.TIME, Limit.DISK, Limit.MEMORY):
        return None if _DPKG_STARTED.search(output) else f"{result.stopped_by} limit reached while fetching"
    if _DPKG_FAILED.search(output):
        return None
    for pattern, reason in _FARM_TROUBLE:
        match = pattern.search(output)
        if match:
            return f"{reason}: {match[0].strip()}"
    return None
