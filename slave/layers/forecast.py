"""What is planned for a batch, as a file: the slave has it made, and each test reads its part of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.slave.layers.closure import Deb
from piufarm.slave.layers.plan import Planned

_FORMAT: Final = 1


@dataclass(frozen=True)
class Forecast:
    """The packages of a batch in the order in which they are best tested, and the .debs of each."""

    planned: Mapping[str, Planned]  # by package as it was asked for
    debs: Mapping[str, Sequence[Deb]]
    proxy: str | None  # to fetch them through

    def write(self, path: Path) -> None:
        """Raises FarmError."""
        packages = [
            {**asdict(planned), "debs": [asdict(deb) for deb in self.debs.get(name, ())]}
            for name, planned in self.planned.items()
        ]
        try:
            content = {"format": _FORMAT, "proxy": self.proxy, "packages": packages}
            atomic_write(path, json.dumps(content), durable=False)
        except OSError as error:
            raise FarmError(f"cannot write {path}: {error.strerror}") from error

    @classmethod
    def read(cls, path: Path) -> Forecast:
        """Raises FarmError."""
        try:
            content: Any = json.loads(path.read_text())
            if content["format"] != _FORMAT:
                raise ValueError(f"its format is {content['format']}, not {_FORMAT}")
            packages = content["packages"]
            planned = {
                item["package"]: Planned(item["package"], item["installed"], tuple(item["layers"])) for item in packages
            }
            debs = {item["package"]: [Deb(**deb) for deb in item["debs"]] for item in packages}
            return cls(planned, debs, content["proxy"])
        except (OSError, ValueError, LookupError, TypeError) as error:
            hint = "it is written by --plan-layers of the same version"
            raise FarmError(f"cannot use the plan {path}: {error}", hint=hint) from error
