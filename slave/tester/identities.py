"""Names of users and groups, as the chroot's own passwd and group files know them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True)
class Identities:
    """Who the numbers of a tree stand for."""

    users: Mapping[int, str]
    groups: Mapping[int, str]

    @classmethod
    def parse(cls, passwd: bytes | None, group: bytes | None) -> Identities:
        """From the content of /etc/passwd and /etc/group; a missing file knows nobody, a bad line is passed over."""
        return cls(_names(passwd or b""), _names(group or b""))

    def user(self, uid: int) -> str:
        """The user's name, or `#N`."""
        return self.users.get(uid, f"#{uid}")

    def group(self, gid: int) -> str:
        """The group's name, or `#N`."""
        return self.groups.get(gid, f"#{gid}")


def _names(content: bytes) -> dict[int, str]:
    """The first name of each number; both files have it in their third field."""
    names: dict[int, str] = {}
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        fields = line.split(":")
        if len(fields) > 2 and _NUMBER.fullmatch(fields[2]):
            names.setdefault(int(fields[2]), fields[0])
    return names
