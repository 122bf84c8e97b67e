"""Package indexes as light records, read by apt's own parser."""

from __future__ import annotations

from typing import NamedTuple

from piufarm.names import Package, Version


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
