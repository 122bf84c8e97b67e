"""The place of one request in the cache: copies, of which one is current.

    lock                 held exclusively by whoever prepares
    current -> copy-N    replaced in one step when a copy is complete
    copy-N/              tree/root/, index, facts.json and in-use, locked (shared) by its users
    new-XXXX/            being prepared; without a holder of `lock` it is what a killed preparer left
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from piufarm.errors import FarmError
from piufarm.run import run
from piufarm.slave.bases.prepared import FACTS, LOCK, ROOT, DamagedBase, Facts, PreparedBase, write_facts
from piufarm.slave.chroot.own_range import remove_tree


class Shelf:
    """One folder of the cache."""

    def __init__(self, folder: Path, *, reader_gid: int | None = None, durable: bool = False) -> None:
        """`reader_gid`: a group that may look into the trees. `durable`: copies outlive a restart of the machine.

        Others do not: to wait until thousands of files are on a busy disk takes longer than to make them again.
        Raises FarmError if the folder cannot be made.
        """
        self.folder = folder
        self._reader_gid = reader_gid
        self._durable = durable
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise FarmError(f"cannot use the cache: {error}", hint="PIUFARM_CACHE names another folder") from error

    def is_used(self) -> bool:
        """Whether a copy was ever made here."""
        return (self.folder / "current").is_symlink()

    def take(self) -> PreparedBase | None:
        """The current copy, locked against removal; None if there is none that is of use."""
        while True:
            try:
                copy = self.folder / (self.folder / "current").readlink()
                base = PreparedBase(copy)
            except DamagedBase:
                return None
            except FileNotFoundError:
                if not (self.folder / "current").is_symlink() or self._dangles():
                    return None
                continue  # swapped between the two lines
            if copy.is_dir():
                self._note_use()
                return base
            base.close()

    def _note_use(self) -> None:
        """For housekeeping; an account that may only read leaves it."""
        if os.access(self.folder, os.W_OK):
            os.utime(self.folder)

    def _dangles(self) -> bool:
        return not (self.folder / "current" / LOCK).exists()

    @contextmanager
    def exclusively(self, waiting: Callable[[], None]) -> Iterator[None]:
        """Nobody else prepares meanwhile; `waiting` is called once if somebody does now."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            self._remove_remains()
            yield

    @contextmanager
    def new_copy(self) -> Iterator[Path]:
        """A folder to prepare a copy in; it becomes the current one when the block ends well."""
        new = Path(tempfile.mkdtemp(prefix="new-", dir=self.folder))
        new.chmod(0o755)
        try:
            yield new
            if self._reader_gid is not None:
                os.chown((new / ROOT).parent, 0, self._reader_gid)
                (new / ROOT).parent.chmod(0o750)
            if self._durable:
                run(["sync", "--file-system", new])
                write_facts(new, replace(Facts.load((new / FACTS).read_text()), boot=""))
            copy = self.folder / f"copy-{new.name.removeprefix('new-')}"
            new.rename(copy)
        except BaseException:
            remove_tree(new)
            raise
        link = self.folder / "next"
        link.unlink(missing_ok=True)
        link.symlink_to(copy.name)
        link.rename(self.folder / "current")
        self._remove_remains()

    def empty(self) -> bool:
        """Remove every copy that is not in use, by a holder of the lock; returns whether none is left."""
        link = self.folder / "current"
        current = self.folder / link.readlink() if link.is_symlink() else None
        if current is not None and current.is_dir():
            self._remove_if_unused(current)
        if current is None or not current.exists():
            link.unlink(missing_ok=True)
        self._remove_remains()
        return not any(path.name.startswith("copy-") for path in self.folder.iterdir())

    def _remove_remains(self) -> None:
        """Copies that are neither current nor in use, and what killed preparers left."""
        link = self.folder / "current"
        current = link.readlink().name if link.is_symlink() else ""
        for path in list(self.folder.iterdir()):
            if path.name.startswith(("new-", "old-")):
                remove_tree(path)
            elif path.name.startswith("copy-") and path.name != current:
                self._remove_if_unused(path)

    def _remove_if_unused(self, copy: Path) -> None:
        try:
            lock = os.open(copy / LOCK, os.O_RDONLY)
        except FileNotFoundError:
            remove_tree(copy)
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old = copy.rename(copy.with_name(f"old-{copy.name}"))
            remove_tree(old)
        except BlockingIOError:
            return
        finally:
            os.close(lock)
