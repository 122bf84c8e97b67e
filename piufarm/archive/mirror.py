"""The host's own mirror, as its apt sources name it: the default wherever the configuration names none.

The formats are those of sources.list(5): one-line entries in *.list, deb822 stanzas in *.sources.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from piufarm.archive.errors import NoMirror
from piufarm.config.defaults import host_apt_setting

_SCHEMES: Final = ("http://", "https://", "file:/")
_ALIASES: Final = ("stable", "testing", "unstable", "sid", "oldstable")
_ONE_LINE: Final = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<rest>.*)")
_ENABLED_WORDS: Final = ("yes", "true", "with", "on", "enable", "1", "")


@dataclass(frozen=True)
class Mirror:
    """An archive entry of the host's apt sources."""

    uri: str  # without trailing slash
    suite: str
    components: tuple[str, ...]
    keyrings: tuple[Path, ...]  # of Signed-By; empty: whatever apt trusts


@dataclass(frozen=True)
class _Entry:
    mirror: Mirror
    architectures: tuple[str, ...]


def default_mirror(root: Path = Path("/")) -> Mirror:
    """The first enabled `deb` entry whose suite is the host's own release and whose components have `main`.

    A host that follows a moving suite has none for its codename; then the first one for stable, testing or
    unstable counts. Reads one-line and deb822 sources below `root`. Raises NoMirror.
    """
    architecture = host_apt_setting("APT::Architecture")
    mirrors = [
        entry.mirror
        for entry in _entries(root / "etc/apt")
        if "main" in entry.mirror.components
        and entry.mirror.uri.startswith(_SCHEMES)
        and (not entry.architectures or architecture in entry.architectures)
    ]
    codename = _codename(root)
    for suites in ((codename,), _ALIASES):
        for mirror in mirrors:
            if mirror.suite in suites:
                return mirror
    raise NoMirror(
        f"apt's sources have no entry for {codename or 'this release'} with the component main",
        hint="set `mirror` in piuparts.conf, or add the entry below /etc/apt",
    )


def archives_of_root(root: Path) -> list[Mirror]:
    """Every enabled `deb` entry of the apt sources below `root`, of whatever suite."""
    return [entry.mirror for entry in _entries(root / "etc/apt")]


def _codename(root: Path) -> str | None:
    for name in ("etc/os-release", "usr/lib/os-release"):
        file = root / name
        if file.is_file():
            for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
                key, _, value = line.partition("=")
                if key.strip() == "VERSION_CODENAME":
                    return value.strip().strip("\"'") or None
            return None
    return None


def _entries(etc_apt: Path) -> Iterator[_Entry]:
    parts = etc_apt / "sources.list.d"
    named = sorted(parts.iterdir()) if parts.is_dir() else []
    for file in (etc_apt / "sources.list", *named):
        if file.is_file() and file.suffix in (".list", ".sources"):
            text = file.read_text(encoding="utf-8", errors="replace")
            yield from _one_line_entries(text) if file.suffix == ".list" else _deb822_entries(text)


def _one_line_entries(text: str) -> Iterator[_Entry]:
    for line in text.splitlines():
        found = _ONE_LINE.fullmatch(line.partition("#")[0].strip())
        if found is None:
            continue
        options = dict(_option(word) for word in (found["options"] or "").split())
        words = found["rest"].split()
        if len(words) >= 3:
            yield _entry(words[0], words[1], words[2:], options)


def _option(word: str) -> tuple[str, list[str]]:
    name, _, value = word.partition("=")
    return name.lower(), value.split(",")


def _deb822_entries(text: str) -> Iterator[_Entry]:
    from debian.deb822 import Deb822

    for stanza in Deb822.iter_paragraphs(text):
        types = stanza.get("Types", "").split()
        enabled = stanza.get("Enabled", "yes").strip().lower() in _ENABLED_WORDS
        if "deb" not in types or not enabled:
            continue
        keys = stanza.get("Signed-By", "")
        options = {
            "arch": stanza.get("Architectures", "").split(),
            "signed-by": [] if "BEGIN PGP" in keys else keys.split(),  # the key itself may stand there
        }
        components = stanza.get("Components", "").split()
        for uri in stanza.get("URIs", "").split():
            for suite in stanza.get("Suites", "").split():
                yield _entry(uri, suite, components, options)


def _entry(uri: str, suite: str, components: Iterable[str], options: dict[str, list[str]]) -> _Entry:
    keyrings = tuple(Path(word) for word in options.get("signed-by", []) if word.startswith("/"))
    architectures = tuple(word for word in options.get("arch", []) if word)
    return _Entry(Mirror(uri.rstrip("/"), suite.rstrip("/"), tuple(components), keyrings), architectures)
