"""A Debian archive of one's own: signed, indexes by hash, several suites, and ways to break it on purpose."""

from __future__ import annotations

import gzip
import hashlib
import lzma
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from debian.deb822 import Deb822
from debian.debfile import DebFile

from demo.debs import DebSpec, build
from demo.keys import SigningKey
from piufarm.files import atomic_write
from piufarm.run import run

_COMPONENT: Final = "main"
_DATE_FORMAT: Final = "%a, %d %b %Y %H:%M:%S UTC"


@dataclass(frozen=True)
class _Binary:
    """A .deb in the pool: its control fields, completed as they stand in a Packages index."""

    paragraph: Mapping[str, str]

    @property
    def architecture(self) -> str:
        return self.paragraph["Architecture"]

    @property
    def source(self) -> tuple[str, str]:
        """Name and version of the source package."""
        name, _, version = self.paragraph.get("Source", self.paragraph["Package"]).partition(" ")
        return name, version.strip("()") or self.paragraph["Version"]


class SignedArchive:
    """An archive below `directory`: `www` is what a server shows, `keyring` the public key to trust.

    It makes a key of its own unless it is given one.
    """

    def __init__(
        self, directory: Path, *, architectures: Sequence[str] = (), key: SigningKey | None = None
    ) -> None:
        self.www = directory / "www"
        self.www.mkdir(parents=True, exist_ok=True)
        self.key = key or SigningKey(directory / "key")
        self.keyring = directory / "archive-keyring.gpg"
        atomic_write(self.keyring, self.key.public_keyring(), durable=False)
        self.architectures = tuple(architectures) or (_native_architecture(),)

    def publish(
        self,
        suite: str,
        packages: Iterable[DebSpec | Path],
        *,
        date: datetime | None = None,
        valid_for: timedelta | None = None,
    ) -> None:
        """Make the suite hold exactly these packages (made from a spec, or existing .debs), and sign it.

        `date` is the Release's Date (now by default); with `valid_for` it also gets a Valid-Until. Older indexes stay
        reachable by hash, as on a real mirror; .debs of earlier publications stay in the pool (see `forget`).
        """
        binaries = sorted(
            (self._take(package) for package in packages),
            key=lambda binary: (binary.paragraph["Package"], binary.paragraph["Version"]),
        )
        indexes = {
            f"{_COMPONENT}/binary-{architecture}/Packages": _packages_index(binaries, architecture)
            for architecture in self.architectures
        }
        indexes[f"{_COMPONENT}/source/Sources"] = _sources_index(binaries)
        sums = self._write_indexes(suite, indexes)
        self._write_release(suite, _release(suite, self.architectures, sums, date or datetime.now(UTC), valid_for))

    def index(self, suite: str, architecture: str | None = None) -> Path:
        """Where a suite's Packages index lies; beside it the .gz and .xz, below by-hash/ the same by their sums."""
        return self._suite(suite) / _COMPONENT / f"binary-{architecture or self.architectures[0]}" / "Packages"

    # -- damage, for tests --------------------------------------------------------------------------------------

    def truncate(self, suite: str, *, share: float = 0.6) -> None:
        """Cut every copy of the Packages indexes of a suite off, as an interrupted transfer would."""
        for path in self._suite(suite).glob(f"{_COMPONENT}/binary-*/**/*"):
            if path.is_file():
                content = path.read_bytes()
                path.write_bytes(content[: int(len(content) * share)])

    def strip_signature(self, suite: str) -> None:
        """Serve the Release as InRelease without its signature, and no Release.gpg."""
        directory = self._suite(suite)
        atomic_write(directory / "InRelease", (directory / "Release").read_bytes(), durable=False)
        (directory / "Release.gpg").unlink(missing_ok=True)

    def tamper(self, suite: str) -> None:
        """Change a signed word of the InRelease, so that its signature no longer fits."""
        path = self._suite(suite) / "InRelease"
        atomic_write(path, path.read_bytes().replace(b"Origin: Loopback", b"Origin: Loophole"), durable=False)

    def expire(self, suite: str) -> None:
        """Sign the suite again with a Valid-Until that has passed."""
        lines = [
            line
            for line in (self._suite(suite) / "Release").read_text().splitlines()
            if not line.startswith(("Date:", "Valid-Until:"))
        ]
        now = datetime.now(UTC)
        dates = [
            f"Date: {(now - timedelta(days=30)).strftime(_DATE_FORMAT)}",
            f"Valid-Until: {(now - timedelta(days=20)).strftime(_DATE_FORMAT)}",
        ]
        self._write_release(suite, "\n".join([*dates, *lines, ""]))

    def forget(self, name: str) -> None:
        """Remove the .debs of a package from the pool while indexes may still name them."""
        for path in (self.www / "pool").rglob(f"{name}_*.deb"):
            path.unlink()

    # -- making ---------------------------------------------------------------------------------------------------

    def _suite(self, suite: str) -> Path:
        return self.www / "dists" / suite

    def _take(self, package: DebSpec | Path) -> _Binary:
        """Bring a package into the pool."""
        incoming = self.www.parent / "incoming"
        deb = package if isinstance(package, Path) else build(package, incoming)
        with DebFile(filename=str(deb)) as opened:
            control = {str(name): str(value) for name, value in opened.debcontrol().items()}
        source = control.get("Source", control["Package"]).partition(" ")[0]
        pool = Path("pool") / _COMPONENT / _prefix(source) / source / deb.name
        place = self.www / pool
        place.parent.mkdir(parents=True, exist_ok=True)
        content = deb.read_bytes()
        if not place.exists() or place.read_bytes() != content:
            atomic_write(place, content, durable=False)
        sums = {
            "Filename": str(pool),
            "Size": str(len(content)),
            "MD5sum": hashlib.md5(content, usedforsecurity=False).hexdigest(),
            "SHA256": hashlib.sha256(content).hexdigest(),
        }
        shutil.rmtree(incoming, ignore_errors=True)
        return _Binary({**control, **sums})

    def _write_indexes(self, suite: str, indexes: Mapping[str, str]) -> list[tuple[str, bytes]]:
        """Write every index plain, .gz and .xz, by name and by hash; returns names and contents."""
        contents: list[tuple[str, bytes]] = []
        for name, text in indexes.items():
            plain = text.encode()
            contents += [
                (name, plain),
                (f"{name}.gz", gzip.compress(plain, mtime=0)),
                (f"{name}.xz", lzma.compress(plain)),
            ]
        for name, content in contents:
            path = self._suite(suite) / name
            by_hash = path.parent / "by-hash" / "SHA256" / hashlib.sha256(content).hexdigest()
            by_hash.parent.mkdir(parents=True, exist_ok=True)
            atomic_write(by_hash, content, durable=False)
            atomic_write(path, content, durable=False)
        return contents

    def _write_release(self, suite: str, text: str) -> None:
        directory = self._suite(suite)
        inline, detached = self.key.sign(text.encode())
        atomic_write(directory / "Release", text, durable=False)
        atomic_write(directory / "Release.gpg", detached, durable=False)
        before = _whole_second(directory / "InRelease")
        atomic_write(directory / "InRelease", inline, durable=False)
        if _whole_second(directory / "InRelease") <= before:  # HTTP could not tell this one from the last
            os.utime(directory / "InRelease", (before + 1, before + 1))


def _whole_second(path: Path) -> int:
    return int(path.stat().st_mtime) if path.exists() else 0


def _native_architecture() -> str:
    return run(["dpkg", "--print-architecture"]).stdout.decode().strip()


def _prefix(source: str) -> str:
    """The folder of the pool that a source package lies in."""
    return source[:4] if source.startswith("lib") else source[:1]


def _paragraph(fields: Mapping[str, str]) -> str:
    return str(Deb822(fields).dump())


def _packages_index(binaries: Sequence[_Binary], architecture: str) -> str:
    chosen = [binary for binary in binaries if binary.architecture in ("all", architecture)]
    return "\n".join(_paragraph(binary.paragraph) for binary in chosen)


def _sources_index(binaries: Sequence[_Binary]) -> str:
    """A Sources index that names the sources and their binaries; there are no source files behind it."""
    sources: dict[tuple[str, str], list[_Binary]] = defaultdict(list)
    for binary in binaries:
        sources[binary.source].append(binary)
    return "\n".join(
        _paragraph(
            {
                "Package": name,
                "Binary": ", ".join(sorted({binary.paragraph["Package"] for binary in members})),
                "Version": version,
                "Maintainer": members[0].paragraph["Maintainer"],
                "Architecture": " ".join(sorted({binary.architecture for binary in members})),
                "Format": "3.0 (native)",
                "Directory": str(Path(members[0].paragraph["Filename"]).parent),
            }
        )
        for (name, version), members in sorted(sources.items())
    )


def _release(
    suite: str,
    architectures: Sequence[str],
    sums: Sequence[tuple[str, bytes]],
    date: datetime,
    valid_for: timedelta | None,
) -> str:
    fields = {
        "Origin": "Loopback",
        "Label": "Loopback",
        "Suite": suite,
        "Codename": suite,
        "Date": date.strftime(_DATE_FORMAT),
        "Valid-Until": (date + valid_for).strftime(_DATE_FORMAT) if valid_for is not None else "",
        "Acquire-By-Hash": "yes",
        "Architectures": " ".join(("all", *architectures)),
        "Components": _COMPONENT,
        "Description": "An archive that lives as long as its test",
    }
    header = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
    lines = [f" {hashlib.sha256(content).hexdigest()} {len(content):>8} {name}\n" for name, content in sums]
    return header + "SHA256:\n" + "".join(lines)
