"""From the options to the base image that the test runs on, and the archives that may be reached from it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote

from piufarm.archive.mirror import default_mirror
from piufarm.config.defaults import host_apt_setting
from piufarm.config.distros import Distros, load_distros, sources_lines
from piufarm.errors import UsageError
from piufarm.slave.bases.request import BaseRequest, Bootstrap, Directory, Source, Tarball
from piufarm.slave.tester.command_line.flavours import flavour
from piufarm.slave.tester.command_line.options import RootOptions
from piufarm.slave.tester.roots.root_files import root_files

_URI: Final = re.compile(r"\w+:(//|/)")
_LOCAL: Final = re.compile(r"(?:file|copy):/*(/[^\s\[\]]*)")
_OF_THIS_HOST: Final = re.compile(r"file:|copy:|\w+://(localhost|127\.|\[::1\])")


@dataclass(frozen=True)
class Archive:
    """What --mirror names."""

    uri: str
    components: tuple[str, ...]


def architecture(options: RootOptions) -> str:
    """The architecture to test on."""
    if options.arch is not None:
        return options.arch
    return host_apt_setting("APT::Architecture")


def mirrors(options: RootOptions) -> list[Archive]:
    """The archives asked for, or the host's own. Raises UsageError for an empty --mirror, FarmError without any."""
    usual = flavour(options.flavour)
    archives = []
    for text in options.mirrors:
        uri, *components = text.split() or [""]
        if not _URI.match(uri):
            raise UsageError(f"not a mirror: {text!r}", hint='expected --mirror "URL [COMPONENT…]"')
        archives.append(Archive(uri.rstrip("/"), tuple(components) or usual.components))
    if archives:
        return archives
    if usual != flavour(None):
        raise UsageError(
            f"--defaults {options.flavour} needs a --mirror",
            hint="this host's own is of another flavour, and no other one is known",
        )
    host = default_mirror()
    return [Archive(host.uri, host.components)]


def site_proxy(options: RootOptions, uris: Sequence[str]) -> str | None:
    """The proxy to fetch from these archives through: the one asked for, else the environment's, else that of apt.

    A default proxy is not asked for archives of this host, which it could not reach.
    """
    if options.proxy is not None:
        return options.proxy or None
    if all(_OF_THIS_HOST.match(uri) for uri in uris):
        return None
    proxy = os.environ.get("http_proxy") or host_apt_setting("Acquire::http::Proxy")
    return None if proxy in ("", "DIRECT") else proxy


def host_distros() -> Distros:
    """distros.conf: beside the configuration in use, else the system's."""
    config = os.environ.get("PIUPARTS_CONF")
    return load_distros(config=Path(config) if config else None)


def sources_list(options: RootOptions, archives: Sequence[Archive], distros: Distros) -> str:
    """The content of /etc/apt/sources.list: the suite with all that it builds on, further mirrors, extra lines."""
    first, *others = archives
    lines = [
        *sources_lines(distros, options.distribution, mirror=first.uri, components=first.components),
        *(f"deb {other.uri} {options.distribution} {' '.join(other.components)}" for other in others),
        *options.extra_repos,
    ]
    return "".join(f"{line}\n" for line in lines)


def repositories(sources: str) -> tuple[tuple[str, str], ...]:
    """(URI, suite) of each `deb` line, each once. Raises UsageError for a line that is none."""
    found: dict[tuple[str, str], None] = {}
    for line in sources.splitlines():
        words = line.split("#")[0].split()
        if not words or words[0] == "deb-src":
            continue
        if len(words) > 1 and words[1].startswith("["):
            end = next((i for i, word in enumerate(words) if word.endswith("]")), len(words))
            del words[1 : end + 1]
        if words[0] != "deb" or len(words) < 3:
            hint = "expected deb [OPTIONS] URL SUITE COMPONENT…, or deb [OPTIONS] URL ./"
            raise UsageError(f"not a line of sources.list: {line!r}", hint=hint)
        found[words[1].rstrip("/"), words[2]] = None
    return tuple(found)


def local_directories(uris: Iterable[str], own: Path | None = None) -> tuple[Path, ...]:
    """The directories of this host that `file:` and `copy:` URIs name, if they are not in the tree `own`, too."""
    matches = map(_LOCAL.fullmatch, uris)
    paths = dict.fromkeys(Path(unquote(match[1])) for match in matches if match)
    return tuple(path for path in paths if path != Path("/") and path.is_dir() and not _has(own, path))


def _has(root: Path | None, path: Path) -> bool:
    return root is not None and (root / str(path).lstrip("/")).is_dir()


def base_request(options: RootOptions, archives: Sequence[Archive], distros: Distros) -> BaseRequest:
    """The base to prepare. Raises UsageError."""
    sources = sources_list(options, archives, distros)
    found = () if options.keep_sources_list else repositories(sources)
    return BaseRequest(
        source=_source(options, archives[0], distros),
        arch=architecture(options),
        sources_list=None if options.keep_sources_list else sources,
        files=root_files(options, _host_resolv_conf()),
        archives=found,
        update_retries=options.update_retries,
        debfoster=options.debfoster,
        packages=options.fake_essential_packages,
        target_release=distros.target_release(options.distribution),
        shown=local_directories((uri for uri, _ in found), options.directory),
    )


def _source(options: RootOptions, archive: Archive, distros: Distros) -> Source:
    if options.tarball is not None:
        return Tarball(options.tarball.absolute())
    if options.directory is not None:
        return Directory(options.directory.absolute())
    distro = distros.base_distro(options.distribution)
    return Bootstrap(
        suite=distro.distribution,
        mirror=distro.uri or archive.uri,
        components=archive.components,
        keyring=_keyring(options),
        merged_usr=options.merged_usr,
        check_valid_until=options.check_valid_until,
    )


def _keyring(options: RootOptions) -> Path | None:
    if not options.verify_signatures:
        return None
    keyring = options.keyring or flavour(options.flavour).keyring
    if not keyring.exists():
        raise UsageError(
            f"no keyring {keyring}", hint="install the archive's keyring package, or name one with --keyring"
        )
    return keyring


def _host_resolv_conf() -> bytes:
    try:
        return Path("/etc/resolv.conf").read_bytes()
    except OSError:
        return b""  # a host without DNS: the root has none either
