"""distros.conf: where suites live, what they build on, which suites packages are selected from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from piufarm.config import kinds
from piufarm.config.inifile import IniFile, read_ini
from piufarm.config.kinds import Kind
from piufarm.config.model import DEFAULT_DISTROS, Distro

VIRTUAL_URI: Final = "None"

# The keys of a stanza, what they hold, and what they are for.
DISTRO_KEYS: Final[Mapping[str, tuple[Kind, str]]] = {
    "uri": (kinds.MIRROR, "the archive; default: the mirror asked for; None: a virtual distro, only its parents"),
    "distribution": (kinds.DISTRO, "the name below dists/; default: the name of the stanza"),
    "components": (kinds.WORDS, "archive areas that exist there; default: all that are asked for"),
    "target-release": (kinds.DISTRO, "what apt-get -t is given"),
    "depends": (kinds.DISTROS, "parent distros, needed in sources.list as well"),
    "candidates": (kinds.DISTROS, "distros whose packages are selected for testing; default: itself"),
}


@dataclass(frozen=True)
class Distros:
    """All stanzas of a distros.conf; an unknown name is a plain distro of the mirror that is asked for."""

    path: Path | None = None
    stanzas: Mapping[str, Distro] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def get(self, name: str) -> Distro:
        """The stanza of that name, or a plain one."""
        return self.stanzas.get(name) or Distro(name, None, False, name, (), None, (), ())

    def expand(self, name: str) -> tuple[Distro, ...]:
        """The distro with all that it builds on, parents first, each once; virtual ones stand for their parents.

        Never empty, and free of cycles: load_distros has seen to that.
        """
        return tuple(distro for distro in map(self.get, _ancestry(self, name)) if not distro.is_virtual)

    def candidates(self, name: str) -> tuple[Distro, ...]:
        """The distros whose indexes are merged for selecting packages; never virtual ones."""
        names = self.get(name).candidates or (name,)
        real = {distro.name: distro for distro in map(self._real, names)}
        return tuple(real.values())

    def base_distro(self, name: str) -> Distro:
        """The distro that a base image of `name` is made from: the first one of its expansion."""
        return self.expand(name)[0]

    def target_release(self, name: str) -> str | None:
        """What `apt-get -t` gets for this distro."""
        return self.get(name).target_release

    def _real(self, name: str) -> Distro:
        distro = self.get(name)
        return self.base_distro(name) if distro.is_virtual else distro


def _ancestry(distros: Distros, name: str) -> tuple[str, ...]:
    """Names in the order of expansion, virtual ones included; a cycle of `depends` is cut where it closes."""
    done: dict[str, None] = {}
    path: list[tuple[str, Iterator[str]]] = [(name, iter(distros.get(name).depends))]
    while path:
        current, parents = path[-1]
        parent = next((parent for parent in parents if parent not in done), None)
        if parent is None:
            path.pop()
            done[current] = None
        elif not any(parent == step for step, _ in path):
            path.append((parent, iter(distros.get(parent).depends)))
    return tuple(done)


def load_distros(path: Path | None = None, *, config: Path | None = None) -> Distros:
    """Read a distros.conf: `path`, else the one beside the file `config`, else /etc/piuparts/distros.conf, else none.

    Raises ConfigError.
    """
    if path is None:
        beside = [config.parent / "distros.conf"] if config is not None else []
        path = next((file for file in (*beside, DEFAULT_DISTROS) if file.exists()), None)
        if path is None:
            return Distros()
    ini = read_ini(path)
    stanzas = {name: _stanza(ini, name) for name in ini.sections}
    distros = Distros(path, stanzas, tuple(_unknown_keys(ini)))
    for name in stanzas:
        _check_parents(ini, distros, name)
    return distros


def sources_lines(distros: Distros, name: str, *, mirror: str, components: Sequence[str]) -> tuple[str, ...]:
    """The `deb` lines of a distro, parents first, one line per archive component, without options.

    A distro that names components gets those of them that are asked for.
    """
    return tuple(
        f"deb {distro.uri or mirror} {distro.distribution} {component}"
        for distro in distros.expand(name)
        for component in components
        if not distro.components or component in distro.components
    )


def base_tarball_name(distros: Distros, name: str, *, arch: str, merged_usr: bool) -> str:
    """The classic file name of a base tarball."""
    distribution = distros.base_distro(name).distribution.replace("/", "-")
    return f"{distribution}{'-merged-usr' if merged_usr else ''}_{arch}.tar.gz"


def _stanza(ini: IniFile, name: str) -> Distro:
    try:
        kinds.DISTRO.parse(name)
    except ValueError as error:
        raise ini.error("not a name for a distro", name, hint=f"expected {kinds.DISTRO.expected}") from error
    values = {key: _value(ini, name, key) for key in DISTRO_KEYS}
    uri = values["uri"]
    return Distro(
        name=name,
        uri=None if uri is None or uri == VIRTUAL_URI else str(uri),
        is_virtual=uri == VIRTUAL_URI,
        distribution=str(values["distribution"] or name),
        components=_words(values["components"]),
        target_release=None if values["target-release"] is None else str(values["target-release"]),
        depends=_words(values["depends"]),
        candidates=_words(values["candidates"]),
    )


def _value(ini: IniFile, name: str, key: str) -> object:
    text = ini.value(name, key)
    if not text or (key == "uri" and text == VIRTUAL_URI):
        return text or None
    kind, purpose = DISTRO_KEYS[key]
    try:
        return kind.parse(text)
    except ValueError as error:
        raise ini.error(f"expected {kind.expected}, not {text[:60]!r}", name, key, hint=purpose) from error


def _words(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, tuple) else ()


def _unknown_keys(ini: IniFile) -> Iterator[str]:
    helpers = ini.interpolated()
    for owner, key in ini.lines:
        if key and key not in DISTRO_KEYS and key not in helpers:
            near = get_close_matches(key, DISTRO_KEYS, n=1)
            yield f"{ini.where(owner, key)}: unknown key; {f'did you mean {near[0]}?' if near else 'it is ignored'}"


def _check_parents(ini: IniFile, distros: Distros, name: str) -> None:
    parents = distros.get(name).depends
    if any(name in _ancestry(distros, parent) for parent in parents):
        raise ini.error("depends on itself", name, "depends", hint="depends names parents; two distros cannot be both")
    if not distros.expand(name):
        raise ini.error(
            "a virtual distro without parents", name, "uri", hint="depends must name a distro that has an archive"
        )
