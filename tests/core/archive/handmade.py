"""An archive written by hand, so that a test decides about every byte of it; read through file: URLs or a server."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from demo.keys import SigningKey

INDEX: Final = "main/binary-amd64/Packages"
_PACK: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "": bytes, ".xz": lzma.compress, ".gz": partial(gzip.compress, mtime=0), ".bz2": bz2.compress,
}


@dataclass
class HandmadeArchive:
    """One suite below `root`; signed inline if there is a `key`."""

    root: Path
    key: SigningKey | None = None
    suite: str = "sid"
    fields: dict[str, str] = field(default_factory=lambda: {"Suite": "unstable", "Codename": "sid"})

    @property
    def url(self) -> str:
        """The archive as a file: URL."""
        return f"file://{self.root}"

    @property
    def directory(self) -> Path:
        """Where the suite's Release files are."""
        return self.root / "dists" / self.suite

    def publish(self, text: str | bytes, *, served: Sequence[str] = (".xz",), by_hash: bool = False) -> None:
        """Make `text` the suite's Packages, listed plain and compressed; `served` suffixes exist as files."""
        content = text.encode() if isinstance(text, str) else text
        variants = {suffix: pack(content) for suffix, pack in _PACK.items()}
        index = self.directory / INDEX
        index.parent.mkdir(parents=True, exist_ok=True)
        for suffix in served:
            name = f"by-hash/SHA256/{digest(variants[suffix])}" if by_hash else f"Packages{suffix}"
            file = index.parent / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(variants[suffix])
        if by_hash:
            self.fields["Acquire-By-Hash"] = "yes"
        self.write_release({f"{INDEX}{suffix}": packed for suffix, packed in variants.items()})

    def write_release(self, files: Mapping[str, bytes]) -> None:
        """Write (and sign) a Release file that vouches for these files."""
        lines = [f"{name}: {value}" for name, value in self.fields.items()]
        table = [f" {digest(content)} {len(content)} {name}" for name, content in files.items()]
        self.write_release_text("\n".join([*lines, "SHA256:", *table, ""]))

    def write_release_text(self, text: str) -> None:
        """Write a Release file of this text: InRelease if there is a key, a plain Release otherwise."""
        self.directory.mkdir(parents=True, exist_ok=True)
        if self.key is None:
            (self.directory / "Release").write_text(text)
        else:
            (self.directory / "InRelease").write_bytes(self.key.sign(text.encode())[0])


def digest(content: bytes) -> str:
    """The SHA-256 of a content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def paragraph(name: str, version: str = "1", **fields: str) -> str:
    """A paragraph of a Packages file, with its blank line."""
    more = "".join(f"{key.replace('_', '-')}: {value}\n" for key, value in fields.items())
    return f"Package: {name}\nVersion: {version}\n{more}\n"
