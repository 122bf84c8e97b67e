"""What dependencies are known to fail tests with: errors that a test from the base alone has had for certain from them.

A file each, beside the layers of a base. A later test that needs the same dependencies and has the same errors, word
for word, has them from there, too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from piufarm.files import atomic_write
from piufarm.slave.layers.plan import Versions

Error = Mapping[str, Any]  # a finding, as a result has it

_OWN_WORDS: Final = "commands"  # errors of this check name the chroot: no other test has the same


@dataclass(frozen=True)
class Faults:
    """Those known of one base. Safe against other testers doing the same; raises OSError."""

    folder: Path

    def of(self, installed: Versions) -> list[Error]:
        """The errors that these packages are known for."""
        return [error for _, error, culprits in self._every() if culprits.items() <= installed.items()]

    def learn(self, error: Error, installed: Versions) -> None:
        """Remember an error whose culprits are among the installed packages; nothing if they are not."""
        culprits = {name: installed[name] for name in error["culprits"] if name in installed}
        if error["check"] == _OWN_WORDS or not culprits or len(culprits) < len(error["culprits"]):
            return
        self.folder.mkdir(exist_ok=True)
        name = hashlib.sha256(json.dumps([error["text"], sorted(culprits.items())]).encode()).hexdigest()[:24]
        content = json.dumps({"error": error, "culprits": culprits})
        atomic_write(self.folder / f"{name}.json", content, durable=False)

    def forget(self, texts: Collection[str]) -> None:
        """These errors are no longer known of anybody."""
        for file, error, _ in self._every():
            if error["text"] in texts:
                file.unlink(missing_ok=True)

    def _every(self) -> Iterator[tuple[Path, Error, Versions]]:
        for file in sorted(self.folder.glob("*.json")):
            with suppress(FileNotFoundError, ValueError, LookupError):  # gone, or spoiled by a host that went down
                content = json.loads(file.read_text())
                yield file, content["error"], content["culprits"]
