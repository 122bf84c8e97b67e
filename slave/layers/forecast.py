"""What is planned for a batch, as a file: the slave has it made, and each test reads its part of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

from piufarm.errors import FarmError
from piufarm.files import atomic_write
from piufarm.slave.layers.closure import Deb
from piufarm.slave.layers.plan import Planned, Versions

_FORMAT: Final = 1


@dataclass(frozen=True)
class Forecast:
    """The packages of a batch in the order in which they are best tested, and the .debs of each."""

    planned: Mapping[str, Planned]  # by package as it was asked for
    debs: Mapping[str, Sequence[Deb]]
    proxy: str | None  # to fetch them through
    shared: frozenset[str] = frozenset()  # see shared_urls

    def write(self, path: Path) -> None:
        """Raises FarmError."""
        packages = [
            {**asdict(planned), "debs": [asdict(deb) for deb in self.debs.get(name, ())]}
            for name, planned in self.planned.items()
        ]
        try:
            content = {"format": _FORMAT, "proxy": self.proxy, "shared": sorted(self.shared), "packages": packages}
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
            return cls(planned, debs, content["proxy"], frozenset(content["shared"]))
        except (OSError, ValueError, LookupError, TypeError) as error:
            hint = "it is written by --plan-layers of the same version"
            raise FarmError(f"cannot use the plan {path}: {error}", hint=hint) from error


def shared_urls(plans: Iterable[Planned], debs: Mapping[str, Sequence[Deb]]) -> frozenset[str]:
    """The URLs, unquoted, of .debs that are unpacked more than once, by several tests or layers of a batch."""
    layers: dict[tuple[str, ...], Versions] = {}
    times: Counter[tuple[str, str]] = Counter()
    for planned in plans:
        loose = dict(planned.installed)
        way: tuple[str, ...] = ()
        for layer in planned.layers:
            way = (*way, *sorted(layer))
            layers[way] = layer
            loose = {name: version for name, version in loose.items() if name not in layer}
        times.update(loose.items())
    for layer in layers.values():
        times.update(layer.items())
    every = {unquote(deb.url): (deb.name, deb.version) for found in debs.values() for deb in found}
    return frozenset(url for url, deb in every.items() if times[deb] > 1)
