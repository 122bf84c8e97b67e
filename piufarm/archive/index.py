"""Package indexes as light records, read by apt's own parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from piufarm.archive.errors import ArchiveError, MalformedFile
from piufarm.names import InvalidName, Package, Version

_SOURCE: Final = re.compile(r"(?P<name>\S+)(?:\s*\((?P<version>[^)\s]+)\))?")
_CHUNK_BYTES: Final = 64 * 1024
_PARAGRAPH_BYTES_MAX: Final = 4 * 1024 * 1024

_Field = Callable[[str], str]


class PackageRecord(NamedTuple):
    """A paragraph of a Packages file; relation fields are as the archive writes them, empty if absent."""

    name: Package
    version: Version
    source: Package
    source_version: Version
    maintainer: str
    depends: str
    pre_depends: str
    provides: str


class Position(NamedTuple):
    """Where a paragraph of an index begins, and what it is about."""

    offset: int
    name: Package
    version: Version


class PackagesFile:
    """A Packages file on disk, uncompressed. Methods raise MalformedFile where apt's parser gives up."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def positions(self) -> Iterator[Position | InvalidName]:
        """Every paragraph in the order of the file; InvalidName in place of one with an illegal name or version."""
        for offset, field in self._paragraphs():
            try:
                yield Position(offset, Package(field("Package")), Version(field("Version")))
            except InvalidName as error:
                yield error

    def records(self) -> Iterator[tuple[int, PackageRecord | InvalidName]]:
        """Every paragraph as a record, with its offset; InvalidName in place of one with an illegal name or version."""
        names = _SourceNames()
        for offset, field in self._paragraphs():
            try:
                yield offset, _record(field, names)
            except InvalidName as error:
                yield offset, error

    def record_at(self, offset: int) -> PackageRecord:
        """The record of the paragraph that begins there."""
        import apt_pkg

        return _record(_reader(apt_pkg.TagSection(self._content_at(offset), bytes=True)), _SourceNames())

    def text_at(self, offset: int) -> str:
        """The paragraph that begins there as it stands in the file, with one newline at its end."""
        return self._content_at(offset).decode("utf-8", "replace")

    def _content_at(self, offset: int) -> bytes:
        content = b""
        try:
            with self.path.open("rb") as stream:
                stream.seek(offset)
                while b"\n\n" not in content and len(content) < _PARAGRAPH_BYTES_MAX:
                    chunk = stream.read(_CHUNK_BYTES)
                    if not chunk:
                        break
                    content += chunk
        except OSError as error:
            raise _unreadable(self.path, error) from error
        return content.partition(b"\n\n")[0].strip(b"\n") + b"\n"

    def _paragraphs(self) -> Iterator[tuple[int, _Field]]:
        import apt_pkg

        try:
            with self.path.open("rb") as stream:
                # bytes: an archive may hold text that is not UTF-8, which must not end the reading
                file = apt_pkg.TagFile(stream, bytes=True)
                offset = 0
                for section in file:
                    yield offset, _reader(section)
                    offset = file.offset()
        except OSError as error:
            raise _unreadable(self.path, error) from error
        except (apt_pkg.Error, SystemError) as error:
            raise MalformedFile(
                f"{self.path} is not a Packages file: {error}", hint="tell the archive's administrator"
            ) from error


def _unreadable(path: Path, error: OSError) -> ArchiveError:
    return ArchiveError(f"cannot read {path}: {error}", hint="check the cache directory, and refresh again")


def _reader(section: Any) -> _Field:
    """Fields of an apt_pkg.TagSection as text, empty if absent."""
    get = section.get

    def field(name: str) -> str:
        content: bytes | None = get(name)
        return content.decode("utf-8", "replace") if content else ""

    return field


class _SourceNames(dict[str, tuple[Package, Version | None] | None]):
    """What Source fields name, each read once: a source has many packages. None if the field cannot be read."""

    def __missing__(self, text: str) -> tuple[Package, Version | None] | None:
        self[text] = named = self._read(text)
        return named

    def _read(self, text: str) -> tuple[Package, Version | None] | None:
        found = _SOURCE.match(text.strip())
        if found is None:
            return None
        try:
            return Package(found["name"]), Version(found["version"]) if found["version"] else None
        except InvalidName:
            return None


def _record(field: _Field, sources: _SourceNames) -> PackageRecord:
    name, version = Package(field("Package")), Version(field("Version"))
    # the binary's own name and version as far as the field does not say otherwise
    source, source_version = sources[field("Source")] or (name, None)
    return PackageRecord(
        name,
        version,
        source,
        source_version or version,
        field("Maintainer"),
        field("Depends"),
        field("Pre-Depends"),
        field("Provides"),
    )
