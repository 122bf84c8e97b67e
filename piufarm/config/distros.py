"""distros.conf: where suites live, what they build on, which suites packages are selected from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from piufarm.config.model import Distro


@dataclass(frozen=True)
class Distros:
    """All stanzas of a distros.conf; an unknown name is a plain distro of the section's mirror."""

    path: Path | None
    stanzas: Mapping[str, Distro]

    def get(self, name: str) -> Distro:
        """The stanza of that name, or a plain one."""
        raise NotImplementedError(name)

    def expand(self, name: str) -> tuple[Distro, ...]:
        """The distro with all that it builds on, parents first, each once; virtual ones stand for their parents."""
        raise NotImplementedError(name)

    def candidates(self, name: str) -> tuple[Distro, ...]:
        """The distros whose indexes are merged for selecting packages; never virtual ones."""
        raise NotImplementedError(name)

    def base_distro(self, name: str) -> Distro:
        """The distro that a base image of `name` is made from: the first one of its expansion."""
        raise NotImplementedError(name)

    def target_release(self, name: str) -> str | None:
        """What `apt-get -t` gets for this distro."""
        raise NotImplementedError(name)


def load_distros(path: Path | None = None, *, config: Path | None = None) -> Distros:
    """Read a distros.conf: `path`, else the one beside `config`, else /etc/piuparts/distros.conf, else none.

    Raises ConfigError.
    """
    raise NotImplementedError(path, config)


def sources_lines(distros: Distros, name: str, *, mirror: str, components: Sequence[str]) -> tuple[str, ...]:
    """The `deb` lines of a distro, parents first, one line per archive component, without options."""
    raise NotImplementedError(distros, name, mirror, components)


def base_tarball_name(distros: Distros, name: str, *, arch: str, merged_usr: bool) -> str:
    """The classic file name of a base tarball."""
    raise NotImplementedError(distros, name, arch, merged_usr)
