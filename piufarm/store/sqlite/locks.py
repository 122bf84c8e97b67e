"""Locks between the processes that share a database file; the kernel ends them with their holder, however that ends.

They are byte ranges of one file beside the database, one byte a name. They belong to an open file, not to a process, so
that threads exclude each other, too.
"""

from __future__ import annotations

import fcntl
import os
import signal
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from piufarm.store.errors import StoreError
from piufarm.store.lock_names import lock_number

_FLOCK: Final = "hhqqi4x"  # struct flock of fcntl(2): type, whence, start, length, process
_QUEUE: Final = 2**62  # the byte for which writers queue; names have the numbers below
_WAIT_SECONDS: Final = 30.0  # for other writers, each of which takes milliseconds
_POLL_SECONDS: Final = 0.005


class LockFile:
    """The locks of one database; every error that it raises is a StoreError."""

    def __init__(self, database: Path) -> None:
        """Nothing is opened or made before the first lock is asked for."""
        self._database = database
        self._path = database.with_name(f"{database.name}-lock")
        self._queue: int | None = None

    def close(self) -> None:
        """Leave the queue for good."""
        if self._queue is not None:
            os.close(self._queue)
            self._queue = None

    @contextmanager
    def exclusive(self, name: str) -> Iterator[bool]:
        """See Store.exclusive."""
        descriptor = self._open()
        try:
            yield self._try(descriptor, lock_number(name))
        finally:
            os.close(descriptor)

    def is_held(self, name: str) -> bool:
        """See Store.is_held."""
        try:
            descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise self._trouble(error) from error
        try:
            question = _flock(fcntl.F_RDLCK, lock_number(name))
            (kind, *_) = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_OFD_GETLK, question))
            return bool(kind != fcntl.F_UNLCK)
        except OSError as error:
            raise self._trouble(error) from error
        finally:
            os.close(descriptor)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn to write: first come, first served, which SQLite's own waiting (by sleeping) is not."""
        if self._queue is None:
            self._queue = self._open()
        try:
            if not self._try(self._queue, _QUEUE):
                self._wait(self._queue)
            yield
        finally:  # also if a signal came between the turn and its first moment
            fcntl.fcntl(self._queue, fcntl.F_OFD_SETLK, _flock(fcntl.F_UNLCK, _QUEUE))

    def _wait(self, descriptor: int) -> None:
        try:
            with _alarm(_WAIT_SECONDS) as armed:
                if armed:
                    fcntl.fcntl(descriptor, fcntl.F_OFD_SETLKW, _flock(fcntl.F_WRLCK, _QUEUE))
                    return
            self._poll(descriptor)
        except TimeoutError:
            raise StoreError(
                f"store {self._database}: another process has been writing for {_WAIT_SECONDS:.0f} s",
                hint=f"see who has {self._path} open, and whether it is suspended",
            ) from None
        except OSError as error:
            raise self._trouble(error) from error

    def _poll(self, descriptor: int) -> None:
        deadline = time.monotonic() + _WAIT_SECONDS
        while not self._try(descriptor, _QUEUE):
            if time.monotonic() >= deadline:
                raise TimeoutError
            time.sleep(_POLL_SECONDS)

    def _try(self, descriptor: int, byte: int) -> bool:
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _flock(fcntl.F_WRLCK, byte))
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._trouble(error) from error
        return True

    def _open(self) -> int:
        """The file, made if missing for all who may write the database, whoever is first."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o660)
            like = self._database.stat()
            own = os.fstat(descriptor)
            if own.st_uid == os.geteuid() and own.st_mode != like.st_mode:
                os.fchmod(descriptor, like.st_mode & 0o777)
            if os.geteuid() == 0 and (own.st_uid, own.st_gid) != (like.st_uid, like.st_gid):
                os.fchown(descriptor, like.st_uid, like.st_gid)
        except OSError as error:
            raise self._trouble(error) from error
        return descriptor

    def _trouble(self, error: OSError) -> StoreError:
        hint = "see whether this user may write the file and its folder, and whether its file system knows locks"
        return StoreError(f"{self._path}: {error.strerror}", hint=hint)


def _flock(kind: int, byte: int) -> bytes:
    return struct.pack(_FLOCK, kind, os.SEEK_SET, byte, 1, 0)


@contextmanager
def _alarm(seconds: float) -> Iterator[bool]:
    """Raise TimeoutError in the block after some time; False, and nothing happens, where signals cannot be handled."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError

    try:
        before = signal.signal(signal.SIGALRM, ring)
    except ValueError:  # in a thread
        yield False
        return
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
