"""A file of the site before it is made: where it belongs, what it is made from, and how."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from piufarm.report.paths import SitePath


@dataclass(frozen=True)
class Artifact:
    """A file to publish. `inputs` is plain data whose repr changes whenever the content would; `make` is only
    called when it did."""

    path: SitePath
    inputs: object
    make: Callable[[], str | bytes]

    def digest(self, salt: str) -> str:
        """Identifies path, inputs and, by `salt`, the program that makes the content."""
        text = f"{salt}\0{self.path}\0{self.inputs!r}"
        return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
