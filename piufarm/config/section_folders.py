"""Names of sections that would lie in each other's folders: `sid/pass` is where the section `sid` shows its logs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from piufarm.names import SectionName

# What lies in the folder of a section, ours and the predecessor's; a section below it must not be called so.
TAKEN: Final = frozenset((
    "runs", "pass", "fail", "untestable", "bugged", "affected", "archive", "recycle", "reserved", "stray", "trouble",
    "master.log", "submissions.txt", "counts.txt", "master.lock", "idle.stamp", "recycle.stamp",
))  # fmt: skip


def section_in_the_way(name: SectionName, sections: Collection[str]) -> str | None:
    """The section whose own folder or file `name` would be, if there is one."""
    parts = name.split("/")
    for length in range(1, len(parts)):
        owner = "/".join(parts[:length])
        if owner in sections and parts[length] in TAKEN:
            return owner
    return None
