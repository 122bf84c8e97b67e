"""Names that travel between programs, on the wire and into file names, as types that cannot hold a bad value.

The grammar is that of Debian policy 5.6.1 (package names) and 5.6.12 (versions), widened by upper case and
one-letter names, which real archives hold, and bounded so that `<package>_<version>.log` fits in one file name.
"""

from __future__ import annotations

import re
from typing import Final, Self

PACKAGE_MAX: Final = 128
VERSION_MAX: Final = 120
SECTION_MAX: Final = 200

_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.-]*")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+:~-]*")
_SECTION_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9+.~_-]*")


class InvalidName(ValueError):
    """A text that is not a legal package name, version or section name."""


class _Name(str):
    """A validated text; `_check` returns why a text is refused, or None."""

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        problem = cls._check(text)
        if problem is not None:
            raise InvalidName(f"not a {cls.__name__}: {text[:80]!r} ({problem})")
        return super().__new__(cls, text)

    @classmethod
    def _check(cls, text: str) -> str | None:
        raise TypeError(f"{cls.__name__} has no grammar")


class Package(_Name):
    """A binary package's name. Never holds `_`, which separates name and version in file names."""

    __slots__ = ()

    @classmethod
    def _check(cls, text: str) -> str | None:
        if len(text) > PACKAGE_MAX:
            return f"longer than {PACKAGE_MAX} characters"
        return None if _PACKAGE.fullmatch(text) else "allowed: letters, digits, + . -"


class Version(_Name):
    """A package's version, or the literal `None` of a package that an upgrade makes disappear."""

    __slots__ = ()

    @classmethod
    def _check(cls, text: str) -> str | None:
        if len(text) > VERSION_MAX:
            return f"longer than {VERSION_MAX} characters"
        return None if _VERSION.fullmatch(text) else "allowed: letters, digits, . + : ~ -"

    @property
    def is_disappearance(self) -> bool:
        """Whether this stands for a package that is absent from the last suite of an upgrade."""
        return self == "None"


class SectionName(_Name):
    """A section of piuparts.conf: one or more parts joined by `/`, such as `sid` or `tarball/sid`."""

    __slots__ = ()

    @classmethod
    def _check(cls, text: str) -> str | None:
        if len(text) > SECTION_MAX:
            return f"longer than {SECTION_MAX} characters"
        if all(_SECTION_PART.fullmatch(part) for part in text.split("/")):
            return None
        return "parts of letters, digits and + . ~ _ - joined by /; each begins with a letter or digit"


def log_name(package: Package, version: Version) -> str:
    """The classic file name of a log, the same on slave, master and in the report."""
    return f"{package}_{version}.log"


def parse_log_name(name: str) -> tuple[Package, Version]:
    """The package and version in a classic log's file name.

    Raises InvalidName if the name is not `<package>_<version>.log`.
    """
    package, separator, rest = name.partition("_")
    if not separator or not rest.endswith(".log"):
        raise InvalidName(f"not a log's file name: {name[:80]!r} (expected <package>_<version>.log)")
    return Package(package), Version(rest.removesuffix(".log"))
