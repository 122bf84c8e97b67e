"""The layers of one base on disk, shared by all testers of the host.

    layers/                 in the base's copy, and removed with it; closed to others: setuid programs lie below
        KEY/                complete: it appeared by rename; a shared lock on the directory keeps it from being removed
            root/           the layer: an overlay's upper directory with its marks
            changes         how base and layers up to this one differ from the base (marshal)
            facts.json      what was installed, and what apt said
        KEY.lock            exclusive lock of who makes it; the others wait for it
        KEY.refused         it was tried and cannot be a layer
        new-XXXX/           being made
        plans/XXXX.json     the layers that somebody is going to make or use: lists of those on one another
        plans.lock          exclusive lock of who plans
        faults/             see faults.py
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import marshal
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from piufarm.files import atomic_write
from piufarm.slave.chroot.interface import Changes, CommandResult, Entry

ROOT: Final = "root"
_CHANGES: Final = "changes"
_FACTS: Final = "facts.json"
_PLANS: Final = "plans"
_FORMAT: Final = 2  # of all these files: layers of another one are not found
_SOON_SECONDS: Final = 3600  # by then a layer that was planned has been made, or never will be
_MAKING_SECONDS_MAX: Final = 120  # how long a test waits for a layer that another one makes
_POLL_SECONDS: Final = 0.2

Way = Sequence[Mapping[str, str]]  # the packages of layers that lie on each other, lowest first


@dataclass(frozen=True)
class LayerFacts:
    """What is known of a layer beside its tree."""

    way: Way  # the packages of the layers from the base up to this one, each with versions
    commands: tuple[CommandResult, ...]  # that made it
    size_bytes: int
    instance: str = field(default_factory=lambda: secrets.token_hex(8))  # tells it from a former one of its key

    def dump(self) -> str:
        """As JSON."""
        commands = [[list(item.argv), item.output.decode("latin-1"), item.seconds] for item in self.commands]
        content = {"way": list(map(dict, self.way)), "size_bytes": self.size_bytes, "instance": self.instance}
        return json.dumps({**content, "commands": commands})

    @classmethod
    def load(cls, text: str) -> LayerFacts:
        """From `dump`."""
        content = json.loads(text)
        commands = tuple(
            CommandResult(tuple(argv), 0, output.encode("latin-1"), seconds)
            for argv, output, seconds in content["commands"]
        )
        return cls(content["way"], commands, content["size_bytes"], content["instance"])


class Layer:
    """A ready layer, kept from being removed until it is closed."""

    def __init__(self, folder: Path) -> None:
        """Raises OSError if it is not there (any more)."""
        self._lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self.folder = folder
        try:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            os.utime(folder)
            self.facts = LayerFacts.load((folder / _FACTS).read_text())
        except BaseException:
            os.close(self._lock)
            raise

    @property
    def key(self) -> str:
        """Identifies it among the layers of its base."""
        return self.folder.name

    @property
    def identity(self) -> str:
        """Tells it from all layers that ever were: what is made upon it fits no other one."""
        return _identity(self.key, self.facts)

    @property
    def root(self) -> Path:
        """The directory for the overlay."""
        return self.folder / ROOT

    def changes(self) -> Changes:
        """How the base differs with this layer and those below it. Raises OSError."""
        before, after, rewritten = marshal.loads((self.folder / _CHANGES).read_bytes())
        return Changes(_entries(before), _entries(after), frozenset(rewritten))

    def close(self) -> None:
        """Let go of it."""
        os.close(self._lock)


def _entries(content: Mapping[str, tuple[object, ...]]) -> dict[str, Entry]:
    return {path: Entry._make(fields) for path, fields in content.items()}


def key_of(parent: str, packages: Mapping[str, str]) -> str:
    """Of the layer that adds packages to the layer of identity `parent` (empty: to the base)."""
    content = json.dumps([_FORMAT, parent, sorted(packages.items())])
    return hashlib.sha256(content.encode()).hexdigest()[:24]


class LayerShelf:
    """The layers of one base. All methods are safe against other testers doing the same; they raise OSError."""

    def __init__(self, folder: Path, disk_bytes: int) -> None:
        """`disk_bytes`: what all layers together may take up."""
        self._folder = folder
        self._disk_bytes = disk_bytes
        folder.mkdir(mode=0o700, exist_ok=True)

    def take(self, key: str) -> Layer | None:
        """The layer, if it is ready."""
        if self.is_refused(key):
            return None
        try:
            layer = Layer(self._folder / key)
        except (FileNotFoundError, ValueError, LookupError):  # not there, or spoiled by a host that went down
            return None
        if layer.root.exists():
            return layer
        layer.close()  # it was removed between two lines
        return None

    def is_refused(self, key: str) -> bool:
        """Whether it is known that this cannot be a layer."""
        return (self._folder / f"{key}.refused").exists()

    def refuse(self, key: str) -> None:
        """Remember that this cannot be a layer."""
        (self._folder / f"{key}.refused").touch()

    @contextmanager
    def making(self, key: str) -> Iterator[Path | None]:
        """A folder to make the layer in; None if somebody else has done it just now, or takes too long over it."""
        with (self._folder / f"{key}.lock").open("w") as lock:
            if not _locked(lock.fileno(), time.monotonic() + _MAKING_SECONDS_MAX):
                yield None
                return
            if (self._folder / key).exists() or self.is_refused(key):
                yield None
                return
            new = Path(tempfile.mkdtemp(prefix="new-", dir=self._folder))
            try:
                yield new
            finally:
                shutil.rmtree(new, ignore_errors=True)

    @contextmanager
    def planning(self) -> Iterator[list[Way]]:
        """The layers that are there or that others are going to make; nobody else plans meanwhile."""
        with (self._folder / "plans.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield list(self._known())

    def note(self, ways: Sequence[Way]) -> None:
        """Let others know which layers are going to be made."""
        plans = self._folder / _PLANS
        plans.mkdir(exist_ok=True)
        once = [way for number, way in enumerate(ways) if way not in ways[:number]]
        atomic_write(plans / f"{secrets.token_hex(8)}.json", json.dumps(once), durable=False)

    def ways(self) -> list[Way]:
        """The layers that are there, each with those that it lies on."""
        ready = {folder.name: facts for folder, facts in self._ready()}
        return [facts.way for key, facts in ready.items() if _is_on(ready, key) and not self.is_refused(key)]

    def _known(self) -> Iterator[Way]:
        yield from self.ways()
        for file in (self._folder / _PLANS).glob("*.json"):
            with suppress(FileNotFoundError):
                if time.time() - file.stat().st_mtime < _SOON_SECONDS:
                    yield from json.loads(file.read_text())
                else:
                    file.unlink()

    def _ready(self) -> Iterator[tuple[Path, LayerFacts]]:
        for folder in self._folder.iterdir():
            with suppress(OSError, ValueError, LookupError):
                yield folder, LayerFacts.load((folder / _FACTS).read_text())

    def add(self, new: Path, key: str, facts: LayerFacts, changes: Changes) -> None:
        """Let a layer that was made in `new` be the one of this key, and make room for it."""
        parts = (changes.before, changes.after)
        before, after = ({path: tuple(entry) for path, entry in part.items()} for part in parts)
        (new / _CHANGES).write_bytes(marshal.dumps((before, after, sorted(changes.rewritten or ()))))
        (new / _FACTS).write_text(facts.dump())
        new.rename(self._folder / key)
        self._make_room(keep=key)

    def drop(self, key: str) -> None:
        """From now on nobody takes or makes this layer; it is removed if nobody uses it."""
        self.refuse(key)
        self._remove(self._folder / key)

    def _make_room(self, keep: str) -> None:
        """Remove those that were used least recently."""
        sizes: list[tuple[float, int, Path]] = []
        for folder, facts in self._ready():
            with suppress(OSError):
                sizes.append((folder.stat().st_mtime, facts.size_bytes, folder))
        total = sum(size for _, size, _ in sizes)
        for _, size, folder in sorted(sizes):
            if total > self._disk_bytes and folder.name != keep and self._remove(folder):
                total -= size

    def _remove(self, folder: Path) -> bool:
        """Returns whether it is gone; who uses it keeps it."""
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:
            return True
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old = Path(tempfile.mkdtemp(prefix="old-", dir=self._folder))
            folder.rename(old / folder.name)
            shutil.rmtree(old, ignore_errors=True)
        except BlockingIOError:
            return False
        finally:
            os.close(lock)
        return True


def _identity(key: str, facts: LayerFacts) -> str:
    return f"{key}-{facts.instance}"


def _is_on(ready: Mapping[str, LayerFacts], key: str) -> bool:
    """Whether all layers below this one are those that it was made on."""
    parent = ""
    for packages in ready[key].way:
        below = key_of(parent, packages)
        if below not in ready:
            return False
        parent = _identity(below, ready[below])
    return below == key


def _locked(descriptor: int, until: float) -> bool:
    """Whether the exclusive lock could be had by then (of the monotonic clock)."""
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(_POLL_SECONDS)
        else:
            return True
