"""How a supervisor is started."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.slave.chroot.cgroups import group_parents
from piufarm.slave.chroot.interface import ChrootLimits, Entry
from piufarm.slave.chroot.own_range import OwnRange
from piufarm.slave.chroot.program import STUB, enter_program, supervisor_program

_PERL: Final = ("/usr/bin/perl", "-e", STUB)
_PAGE: Final = 4096


@dataclass(frozen=True)
class Launch:
    """A command line, and what is written to its stdin before any frame."""

    argv: tuple[str, ...]
    programs: bytes


class Room(NamedTuple):
    """What a copy of a tree takes up on a tmpfs."""

    size_bytes: int
    objects: int

    @classmethod
    def of(cls, tree: Mapping[str, Entry]) -> Room:
        """Files take up whole pages."""
        return cls(sum(-(-entry.size // _PAGE) * _PAGE for entry in tree.values()), len(tree))


def chroot_name() -> str:
    """A new name such as tmpab12cd34."""
    return f"tmp{secrets.token_hex(4)}"


def launch(
    *,
    base: Path,
    tmpdir: Path,
    name: str,
    limits: ChrootLimits,
    writable: bool = False,
    copied: Room | None = None,
    own: OwnRange | None = None,
    schroot: str | None = None,
    layers: Sequence[Path] = (),
    store: Path | None = None,
    binds: Sequence[Path] = (),
) -> Launch:
    """`writable`: the base itself becomes the root, to be prepared, instead of an overlay over it; `copied`: a copy.

    With `schroot`, the schroot of that name is what makes this process root, with `own` a user namespace of its
    account; else it has to be. `layers` lie between the overlay's own and the base, topmost first. `store`: a directory
    on a disk, whose `upper` becomes the overlay's own layer and outlives the chroot. `binds`: directories of the host,
    shown at the same place, read-only.
    """
    groups = group_parents() if limits.memory_bytes or limits.processes else []
    mode = "direct" if writable else "copy" if copied else "overlay"
    room = copied or Room(0, 0)
    words = (
        f"name={name}",
        f"mode={mode}",
        f"base={base}",
        f"tmpdir={tmpdir}",
        f"disk={limits.disk_bytes}",
        f"memory={limits.memory_bytes}",
        f"processes={limits.processes}",
        f"seconds={limits.seconds}",
        f"room={room.size_bytes}",
        f"objects={room.objects}",
        *(own.options() if own is not None else ()),
        *(f"layer={layer}" for layer in layers),
        *(f"bind={directory}" for directory in binds),
        *([f"store={store}"] if store is not None else []),
        *(f"cgroup={parent.kind}:{parent.path}" for parent in groups),
    )
    if schroot is None:
        return Launch((*_PERL, *words), supervisor_program())
    gate = ("schroot", "--quiet", "--chroot", schroot, "--user", "root", "--directory", "/", "--")
    return Launch((*gate, *_PERL, *words), enter_program() + supervisor_program())
