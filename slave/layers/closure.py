"""What apt would fetch to install a package, as the base's own apt says: in a clean chroot, nothing is installed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Backend, Base, Chroot, ChrootLimits, CommandLimits

_LINE: Final = re.compile(
    r"'(?P<url>[^']+)' (?P<file>[^ ]+\.deb) (?P<size>[0-9]+) (?:SHA256:(?P<sha256>[0-9a-f]{64}))?"
)
_LIMITS: Final = CommandLimits(seconds=120)


@dataclass(frozen=True)
class Deb:
    """A .deb of the archive that a package needs."""

    name: str
    version: str
    arch: str
    size_bytes: int
    url: str
    sha256: str  # empty if apt does not know it


def parse_uris(output: str) -> list[Deb]:
    """From the output of `apt-get --print-uris install`; other lines are passed over."""
    found = []
    for match in map(_LINE.match, output.split("\n")):
        if match is None:
            continue
        parts = match["file"].removesuffix(".deb").split("_")
        if len(parts) == 3:
            name, version, arch = map(unquote, parts)
            found.append(Deb(name, version, arch, int(match["size"]), match["url"], match["sha256"] or ""))
    return found


def closures(
    backend: Backend, base: Base, limits: ChrootLimits, wanted: Sequence[str], *, options: Sequence[str] = ()
) -> Iterator[tuple[str, list[Deb]]]:
    """Each of `wanted` (`name` or `name=version`) with what apt would install; nothing if apt would not.

    `options` are apt-get's. Raises FarmError.
    """
    with backend.open(base, limits) as chroot:
        for package in wanted:
            yield package, _closure(chroot, package, options)


def _closure(chroot: Chroot, package: str, options: Sequence[str]) -> list[Deb]:
    argv = ("apt-get", "-y", "--print-uris", "-o", "Acquire::ForceHash=SHA256", *options, "install", package)
    result = chroot.run(argv, env=CHROOT_ENVIRONMENT, limits=_LIMITS)
    text = result.output.decode("utf-8", "surrogateescape")
    return parse_uris(text) if result.status == 0 and "REMOVED:" not in text else []
