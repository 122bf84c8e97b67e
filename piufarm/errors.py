"""Errors that reach a person; each class owns its exit status, each error names a next step where there is one.

Library code raises these; only `piufarm.__main__` turns them into a message and an exit status.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from types import TracebackType
from typing import ClassVar, Final

from piufarm.trouble import TroubleKind

_DISK_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


class PiufarmError(Exception):
    """Base of all errors that are told to the user as one line, never as a traceback."""

    exit_status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PiufarmError):
    """The command line asks for something that does not exist or does not go together."""

    exit_status = 2


class ConfigError(UsageError):
    """A configuration file says something that cannot be meant."""


class FarmError(PiufarmError):
    """Our own trouble (network, mirror, disk, chroot, host): never a statement about the package under test."""

    exit_status = 3
    usual_kind: ClassVar[TroubleKind] = TroubleKind.OTHER

    def __init__(self, message: str, *, hint: str | None = None, kind: TroubleKind | None = None) -> None:
        super().__init__(message, hint=hint)
        self.kind = kind or self.usual_kind


class InternalError(FarmError):
    """A mistake of this program. Only `Unforeseen` makes one; where it happened has been told by then."""


class Unforeseen:
    """A block in which an error that nobody has foreseen is told with its traceback and becomes an InternalError.

    Errors of the system pass, as all that is meant to end a program does: they are no mistakes of the program.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell

    def __enter__(self) -> None:
        """Nothing has to be prepared."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, PiufarmError | OSError):
            from traceback import format_exception  # loads what nobody needs who makes no mistakes

            self._tell("".join(format_exception(error)).rstrip("\n"))
            text = f"internal error: {type(error).__name__}: {error}".rstrip(": ")
            hint = "this is a mistake of piufarm: please report it with the traceback"
            raise InternalError(text, hint=hint) from error


def trouble_kind(error: BaseException) -> TroubleKind:
    """What sort of trouble an error is: a full disk anywhere among its causes, else what the error itself says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _DISK_FULL:
            return TroubleKind.DISK
        cause = cause.__cause__
    return error.kind if isinstance(error, FarmError) else TroubleKind.OTHER
