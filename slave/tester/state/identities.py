"""Users and groups, as the chroot's own passwd and group files know them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

_NUMBER: Final = re.compile(r"[0-9]{1,10}")


class User(NamedTuple):
    """A line of passwd, without the password and the comment."""

    uid: int
    gid: int
    home: str
    shell: str


class UserGroup(NamedTuple):
    """A line of group, without the password."""

    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Identities:
    """Who the numbers of a tree stand for, and what is known of each name (the first line of it counts)."""

    users: Mapping[int, str]
    groups: Mapping[int, str]
    accounts: Mapping[str, User] = field(default_factory=dict, compare=False)
    memberships: Mapping[str, UserGroup] = field(default_factory=dict, compare=False)

    @classmethod
    def parse(cls, passwd: bytes | None, group: bytes | None) -> Identities:
        """From the content of /etc/passwd and /etc/group; a missing file knows nobody, a bad line is passed over."""
        users: dict[int, str] = {}
        groups: dict[int, str] = {}
        accounts: dict[str, User] = {}
        memberships: dict[str, UserGroup] = {}
        for name, uid, fields in _lines(passwd or b""):
            users.setdefault(uid, name)
            gid, home, shell = (*fields[3:4], *fields[5:7], "", "", "")[:3]
            accounts.setdefault(name, User(uid, _number(gid), home, shell))
        for name, gid_number, fields in _lines(group or b""):
            groups.setdefault(gid_number, name)
            members = fields[3].split(",") if len(fields) > 3 else []
            memberships.setdefault(name, UserGroup(gid_number, tuple(sorted(filter(None, members)))))
        return cls(users, groups, accounts, memberships)

    def user(self, uid: int) -> str:
        """The user's name, or `#N`."""
        return self.users.get(uid, f"#{uid}")

    def group(self, gid: int) -> str:
        """The group's name, or `#N`."""
        return self.groups.get(gid, f"#{gid}")


def _number(text: str) -> int:
    return int(text) if _NUMBER.fullmatch(text) else -1


def _lines(content: bytes) -> Iterator[tuple[str, int, list[str]]]:
    """Name, number and all fields; both files have their number in the third."""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        fields = line.split(":")
        if len(fields) > 2 and _NUMBER.fullmatch(fields[2]):
            yield fields[0], int(fields[2]), fields
