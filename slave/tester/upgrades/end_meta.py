"""The reference of an upgrade between suites as a file (`-S`, `-B`): what the base looks like after the upgrade.

The format is zstd-compressed JSON; unlike the predecessor's pickle, reading it can do nothing but be refused.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.slave.chroot.interface import Base, Changes, Chroot, Entry
from piufarm.slave.tester.state.diversions import DIVERSIONS, parse_diversions
from piufarm.slave.tester.state.identities import Identities
from piufarm.slave.tester.state.owners import FileLists
from piufarm.slave.tester.state.packages import InstalledPackage
from piufarm.slave.tester.state.reference import Facts, Reference
from piufarm.slave.tester.state.tree import Tree

_FORMAT: Final = "piufarm end-meta"
_VERSION: Final = 1  # raised when the content changes its meaning
_BYTES_MAX: Final = 512 << 20  # uncompressed: a base of a million files
# Files of the upgraded base that facts are read from.
_FILES: Final = ("/etc/passwd", "/etc/group", DIVERSIONS)
_PICKLES: Final = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))


class NotEndMeta(Exception):
    """A file that is no reference, damaged, or one of another program; the message says which."""


@dataclass(frozen=True)
class EndMeta:
    """A reference and what it was made from."""

    base_id: str
    setting: str  # identifies all that was asked for and decides what the upgraded base looks like
    selections: Mapping[str, str]  # packages of the base with their versions, before the upgrade
    history: tuple[str, ...]
    packages: tuple[InstalledPackage, ...]
    lists: Mapping[str, list[str]]
    files: Mapping[str, bytes]  # content of _FILES
    removed: tuple[str, ...]  # paths of the base that the upgrade has removed
    after: Mapping[str, Entry]  # paths that it has added or changed

    @classmethod
    def of(cls, reference: Reference, chroot: Chroot, base: Base, *, setting: str) -> EndMeta:
        """To keep a reference that was just taken of a chroot; its tree is told by what is different in the base."""
        changes = reference.tree.changes
        return cls(
            base_id=base.base_id,
            setting=setting,
            selections=base.packages,
            history=reference.available_history,
            packages=tuple(reference.packages.values()),
            lists=reference.lists.lists,
            files={path: chroot.read(path) or b"" for path in _FILES},
            removed=tuple(path for path in changes.before if path not in changes.after),
            after=changes.after,
        )

    def reference(self, base: Mapping[str, Entry]) -> Reference:
        """To measure a test against; `base` is the tree of the base image that it was made from."""
        before = {path: base[path] for path in (*self.removed, *self.after) if path in base}
        return Reference(Tree(base, Changes(before, self.after)), self._facts, self.history)

    def _facts(self) -> Facts:
        passwd, group, diversions = (self.files[path] for path in _FILES)
        return Facts(
            packages={package.name: package for package in self.packages},
            lists=FileLists(self.lists),
            diversions=parse_diversions(diversions),
            identities=Identities.parse(passwd, group),
        )

    def dump(self) -> bytes:
        """As the content of a file."""
        import zstandard

        content = {
            "format": _FORMAT,
            "version": _VERSION,
            "base_id": self.base_id,
            "setting": self.setting,
            "selections": dict(self.selections),
            "history": self.history,
            "packages": [[p.name, p.version, p.want, p.status] for p in self.packages],
            "lists": dict(self.lists),
            "files": {path: data.decode("utf-8", "surrogateescape") for path, data in self.files.items()},
            "removed": self.removed,
            "after": {path: tuple(entry) for path, entry in self.after.items()},
        }
        packed: bytes = zstandard.ZstdCompressor().compress(json.dumps(content, separators=(",", ":")).encode())
        return packed

    @classmethod
    def load(cls, content: bytes) -> EndMeta:
        """From `dump`. Raises NotEndMeta."""
        try:
            return _from_json(_parsed(content))
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise NotEndMeta("it is damaged, or of another version of this program") from error


def _parsed(content: bytes) -> dict[str, Any]:
    import zstandard

    if content.startswith(_PICKLES):
        raise NotEndMeta("it was written by piuparts; loading it could run any code that somebody put into it")
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)) as reader:
            text = reader.read(_BYTES_MAX)
    except (zstandard.ZstdError, MemoryError) as error:
        raise NotEndMeta("it is not one of ours") from error
    parsed: Any = json.loads(text)
    if not isinstance(parsed, dict) or parsed.get("format") != _FORMAT:
        raise NotEndMeta("it is not one of ours")
    if parsed["version"] != _VERSION:
        raise NotEndMeta("it was written by another version of this program")
    return parsed


def _from_json(content: dict[str, Any]) -> EndMeta:
    """Every value is made what it has to be, so that nothing odd turns up later."""
    files = {path: _text(content["files"][path]).encode("utf-8", "surrogateescape") for path in _FILES}
    return EndMeta(
        base_id=_text(content["base_id"]),
        setting=_text(content["setting"]),
        selections={_text(name): _text(version) for name, version in content["selections"].items()},
        history=tuple(_text(state) for state in content["history"]),
        packages=tuple(_package(*fields) for fields in content["packages"]),
        lists={_text(name): [_text(path) for path in paths] for name, paths in content["lists"].items()},
        files=files,
        removed=tuple(_text(path) for path in content["removed"]),
        after={_text(path): _entry(*fields) for path, fields in content["after"].items()},
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _package(name: object, version: object, want: object, status: object) -> InstalledPackage:
    return InstalledPackage(_text(name), _text(version), _text(want), _text(status))


def _entry(*fields: Any) -> Entry:
    entry = Entry(*fields)
    *numbers, target = (*entry[:4], *entry[5:], entry.target)
    if not all(type(number) is int for number in numbers) or not isinstance(target, str | None):
        raise TypeError("not the attributes of a path")
    return entry


def read_end_meta(path: Path) -> EndMeta | None:
    """What is kept in a file; None if there is no such file. Raises NotEndMeta, FarmError if it cannot be read."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FarmError(f"cannot read the reference {path}: {error.strerror}") from error
    return EndMeta.load(content)


def write_end_meta(path: Path, meta: EndMeta) -> None:
    """Keep a reference, in one step. Raises FarmError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, meta.dump(), durable=False)
    except OSError as error:
        hint = "--save-end-meta takes a file in a directory that can be written"
        raise FarmError(f"cannot write the reference {path}: {error.strerror}", hint=hint) from error
