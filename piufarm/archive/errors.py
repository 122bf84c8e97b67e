"""Why an archive's data is refused; each refusal is a type of its own and leaves what is cached as it was."""

from __future__ import annotations

from piufarm.errors import FarmError
from piufarm.trouble import TroubleKind


class ArchiveError(FarmError):
    """Trouble with a mirror or with what it serves; never a statement about a package."""

    usual_kind = TroubleKind.MIRROR


class NoMirror(ArchiveError):
    """The host's apt sources name no mirror of the host's own release."""


class FetchError(ArchiveError):
    """A file could not be fetched: host down, timeout, error status, proxy trouble."""

    usual_kind = TroubleKind.NETWORK


class NotFound(FetchError):
    """The mirror does not have the file."""

    usual_kind = TroubleKind.MIRROR


class Truncated(FetchError):
    """The transfer ended before the announced size."""

    usual_kind = TroubleKind.MIRROR


class TooLarge(FetchError):
    """The mirror sends more than the file may have."""

    usual_kind = TroubleKind.MIRROR


class Unsigned(ArchiveError):
    """The archive offers no signed Release file and the section does not allow that."""


class BadSignature(ArchiveError):
    """The signature does not verify, or not with a key that we trust."""


class Expired(ArchiveError):
    """The Release file is past its Valid-Until, or dated in the future."""


class WrongSuite(ArchiveError):
    """The Release file belongs to another suite than the one asked for."""


class SizeMismatch(ArchiveError):
    """An index has another size than the Release file says."""


class HashMismatch(ArchiveError):
    """An index has other content than the Release file says."""


class MissingIndex(ArchiveError):
    """The Release file lists no such index: wrong area or architecture."""


class MalformedFile(ArchiveError):
    """A Release file or an index cannot be parsed."""
