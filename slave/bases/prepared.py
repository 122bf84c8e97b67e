"""A base image in the cache: an unpacked tree, its index, its packages, and how it was prepared."""

from __future__ import annotations

import fcntl
import hashlib
import json
import marshal
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.slave.bases.status import installed_packages
from piufarm.slave.chroot.interface import CommandResult, Entry
from piufarm.slave.chroot.tree import index_tree

INDEX: Final = "index"
FACTS: Final = "facts.json"
LOCK: Final = "in-use"
LAYER: Final = "tree/upper"  # of a base in layers
ROOT: Final = "tree/root"  # the tree is closed: its setuid programs are nobody's on the host
_FORMAT: Final = 4


@dataclass(frozen=True)
class Facts:
    """What is known about a copy besides its tree."""

    base_id: str
    request: str  # key of the request that it answers
    packages: Mapping[str, str]
    boot: str  # during which it was written without waiting for the disk; empty: it was waited for
    releases: frozenset[str]  # SHA-256 of the InRelease and Release files behind its package lists, or of flat lists
    preparation: tuple[CommandResult, ...]
    below: str = ""  # a directory of somebody else's that the copy is only a layer over

    def dump(self) -> str:
        """As JSON."""
        commands = [
            [list(item.argv), item.status, item.output.decode("latin-1"), item.seconds] for item in self.preparation
        ]
        content = {
            "format": _FORMAT,
            "base_id": self.base_id,
            "request": self.request,
            "boot": self.boot,
            "packages": dict(self.packages),
            "releases": sorted(self.releases),
            "preparation": commands,
            "below": self.below,
        }
        return json.dumps(content, indent=1)

    @classmethod
    def load(cls, text: str) -> Facts:
        """From `dump`. Raises ValueError if it is of another format."""
        content: Any = json.loads(text)
        if not isinstance(content, dict) or content.get("format") != _FORMAT:
            raise ValueError("facts of another format")
        commands = tuple(
            CommandResult(tuple(argv), status, output.encode("latin-1"), seconds)
            for argv, status, output, seconds in content["preparation"]
        )
        return cls(
            base_id=content["base_id"],
            request=content["request"],
            packages=content["packages"],
            boot=content["boot"],
            releases=frozenset(content["releases"]),
            preparation=commands,
            below=content["below"],
        )


def _facts_text(copy: Path) -> str:
    """Raises ValueError if it is not there: a copy that lost a part of itself is not one that was removed."""
    try:
        return (copy / FACTS).read_text()
    except FileNotFoundError as error:
        raise ValueError("the facts are gone") from error


class DamagedBase(FarmError):
    """A copy that is not what this program writes: of another version of it, or damaged."""


class PreparedBase:
    """Implements the Base of the chroot interface; holds a shared lock on its copy until it is closed."""

    def __init__(self, copy: Path) -> None:
        """Raises DamagedBase, or OSError if the copy is not there (any more)."""
        self.copy = copy
        self._lock = os.open(copy / LOCK, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            self.facts = Facts.load(_facts_text(copy))
            if self.facts.boot not in ("", boot_id()):
                raise ValueError("the machine went down while this copy may not have been on the disk")
        except (ValueError, KeyError, TypeError) as error:
            os.close(self._lock)
            raise DamagedBase(f"not a prepared base: {copy}", hint="remove that folder") from error
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def base_id(self) -> str:
        """Identifies the content: the same for equal trees with equal packages, wherever they were made."""
        return self.facts.base_id

    @property
    def root(self) -> Path:
        """The unpacked tree; of a base in layers the part of it that is read on the host."""
        return self.copy / ROOT

    @property
    def layers(self) -> Sequence[Path]:
        """The directories that make up the tree, topmost first."""
        return [self.copy / LAYER, Path(self.facts.below)] if self.facts.below else [self.root]

    @cached_property
    def tree(self) -> Mapping[str, Entry]:
        """Every object of the tree."""
        return {path: Entry._make(fields) for path, fields in marshal.loads((self.copy / INDEX).read_bytes()).items()}

    @property
    def packages(self) -> Mapping[str, str]:
        """Installed packages with their versions."""
        return self.facts.packages

    @property
    def preparation(self) -> Sequence[CommandResult]:
        """What was run to prepare this copy, for the log."""
        return self.facts.preparation

    def close(self) -> None:
        """Let go of the copy: an outdated one may be removed now."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def boot_id() -> str:
    """Identifies the time since this machine was started."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def describe(
    copy: Path,
    request: str,
    preparation: Sequence[CommandResult],
    *,
    tree: Path | None = None,
    below: Path | None = None,
    unseen: Collection[Path] = (),
    index: Mapping[str, Entry] | None = None,
) -> Facts:
    """Index the tree of a copy that is ready and write down all that a PreparedBase reads.

    `tree`: where it can be seen, if not as the copy's own; `below`: see Facts; `unseen`: what does not belong to it;
    `index`: its objects, if the host does not show them as they are inside.
    Raises OSError, FarmError if the tree is not a Debian system.
    """
    tree = tree or copy / ROOT
    if index is None:
        descriptor = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
        try:
            index = index_tree(descriptor, unseen={str(path) for path in unseen})
        finally:
            os.close(descriptor)
    packages = installed_packages(tree)
    (copy / INDEX).write_bytes(marshal.dumps({path: tuple(entry) for path, entry in index.items()}))
    (copy / LOCK).touch()
    facts = Facts(
        base_id=_identity(index, packages),
        request=request,
        packages=packages,
        boot=boot_id(),
        releases=_releases(tree),
        preparation=tuple(preparation),
        below=str(below or ""),
    )
    write_facts(copy, facts)
    return facts


def write_facts(copy: Path, facts: Facts) -> None:
    """Write or replace what is known about a copy. Raises OSError."""
    atomic_write(copy / FACTS, facts.dump(), durable=False)


def _identity(tree: Mapping[str, Entry], packages: Mapping[str, str]) -> str:
    known = hashlib.sha256(json.dumps(sorted(packages.items())).encode())
    for path in sorted(tree):
        known.update(repr((path, tree[path]._replace(mtime_ns=0))).encode("utf-8", "surrogateescape"))
    return known.hexdigest()[:16]


def _releases(root: Path) -> frozenset[str]:
    lists = root / "var/lib/apt/lists"
    patterns = ("*_InRelease", "*_Release", "*_Packages")  # a flat archive need not have more than the last
    files = [
        file for pattern in patterns for file in lists.glob(pattern)
        if not (pattern == "*_Packages" and "_dists_" in file.name)
    ]
    return frozenset(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
