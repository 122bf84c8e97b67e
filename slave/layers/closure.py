"""What apt would install for each of many packages: read from the lists of a base in one process, nothing is run in it.

A start of apt-get costs 0.2 core-seconds for each package, most of it to get an overview of the archive; here it is got
once, and the choice undone before the next package. It is the host's libapt that chooses, with the settings, lists and
packages of the base. Should the base's own choose something else in a test, then that test does not count on layers.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from piufarm.errors import FarmError
from piufarm.slave.bases.status import STATUS

_ARCHITECTURES: Final = "var/lib/dpkg/arch"
_REQUIRED: Final = ("PreDepends", "Depends")
_DEPENDENCIES: Final = (*_REQUIRED, "Recommends", "Suggests")


@dataclass(frozen=True)
class Deb:
    """A .deb of the archive that a package needs."""

    name: str
    version: str
    arch: str
    size_bytes: int
    url: str
    sha256: str  # empty if apt does not know it
    # Of each dependency that the base does not meet, the packages that do, among those installed together.
    needs: Sequence[Sequence[str]] = ()


def closures(
    root: Path, cache: Path, wanted: Sequence[str], release: str | None = None
) -> Iterator[tuple[str, list[Deb]]]:
    """Each of `wanted` (`name` or `name=version`) with what apt would install; nothing if apt would not.

    `root` is the tree of a base; apt's own caches are kept in `cache` for the next time; `release`: for apt-get -t.
    Raises FarmError if the base has no lists that can be read.
    """
    import apt_pkg  # loads what few runs need

    try:
        cache.mkdir(mode=0o700, exist_ok=True)
        with _settings_of(root, cache, release):
            archive = _Archive()
            for package in wanted:
                yield package, archive.closure(package)
    except (apt_pkg.Error, SystemError, OSError) as error:
        raise FarmError(f"cannot plan with the package lists of {root}: {error}") from error


@contextmanager
def _settings_of(root: Path, cache: Path, release: str | None) -> Iterator[None]:
    """Let libapt read the settings of the base instead of the host's (apt.conf(5): APT_CONFIG comes first)."""
    native = _native_architecture(root)
    settings = [
        f'Dir "{root}/";', f'Dir::State::status "{root / STATUS}";', f'Dir::Cache "{cache}/";',
        f'APT::Architecture "{native}";', "#clear APT::Architectures;",
        *(f'APT::Architectures {{ "{name}"; }};' for name in _architectures(root, native)),
        *([f'APT::Default-Release "{release}";'] if release else []),
    ]  # fmt: skip
    usual = os.environ.get("APT_CONFIG")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
        file.write("\n".join(settings) + "\n")
        file.flush()
        try:
            os.environ["APT_CONFIG"] = file.name
            _read_settings()
            yield
        finally:
            del os.environ["APT_CONFIG"]
            if usual is not None:
                os.environ["APT_CONFIG"] = usual
            _read_settings()


def _read_settings() -> None:
    """Anew: nothing stays of what was read before."""
    import apt_pkg

    for name in apt_pkg.config.list():
        apt_pkg.config.clear(name)
    apt_pkg.init_config()
    apt_pkg.init_system()


def _native_architecture(root: Path) -> str:
    """That of dpkg itself."""
    import apt_pkg

    with (root / STATUS).open() as stream:
        for paragraph in apt_pkg.TagFile(stream):
            if paragraph["Package"] == "dpkg":
                return str(paragraph["Architecture"])
    raise FarmError(f"dpkg is not installed in {root}")


def _architectures(root: Path, native: str) -> Sequence[str]:
    try:
        return (root / _ARCHITECTURES).read_text().split()
    except FileNotFoundError:  # it is there only where foreign ones were added
        return [native]


class _Archive:
    """The overview, and apt's choice in it."""

    def __init__(self) -> None:
        """Raises apt_pkg.Error, SystemError."""
        import apt_pkg

        self._apt: Any = apt_pkg
        self._cache = apt_pkg.Cache(None)
        self._choice = apt_pkg.DepCache(self._cache)
        self._records = apt_pkg.PackageRecords(self._cache)
        self._sources = apt_pkg.SourceList()
        self._sources.read_main_list()
        recommends = ("Recommends",) if apt_pkg.config.find_b("APT::Install-Recommends", True) else ()
        self._followed = (*_REQUIRED, *recommends)

    def closure(self, wanted: str) -> list[Deb]:
        """What would be installed."""
        name, _, version = wanted.partition("=")
        if name not in self._cache:
            return []
        package = self._cache[name]
        candidate = self._choice.get_candidate_ver(package)
        is_usual = candidate is not None and version in ("", candidate.ver_str)
        if not is_usual and not self._choose_version(package, version):
            return []
        self._choice.mark_install(package, True, True)
        is_simple = not self._choice.broken_count
        sound = is_simple or self._resolve(package)
        chosen = self._chosen(package)
        sound = sound and not self._choice.del_count and len(chosen) == self._choice.inst_count
        versions = {self._choice.get_candidate_ver(one).id for one in chosen}
        found = [self._deb(one, versions) for one in chosen] if sound else []
        self._undo(chosen, thoroughly=not (sound and is_simple and is_usual))
        return [] if None in found else [deb for deb in found if deb is not None]

    def _choose_version(self, package: Any, version: str) -> bool:
        for one in package.version_list:
            if one.ver_str == version:
                self._choice.set_candidate_ver(package, one)
                return True
        return False

    def _resolve(self, package: Any) -> bool:
        resolver = self._apt.ProblemResolver(self._choice)
        resolver.clear(package)
        resolver.protect(package)
        try:
            resolver.resolve(True)
        except (self._apt.Error, SystemError):  # it cannot be installed
            return False
        return not self._choice.broken_count

    def _chosen(self, package: Any) -> list[Any]:
        """The packages to be installed or upgraded, found along the dependencies of the first one."""
        pending, seen, found = [package], set(), []
        while pending:
            one = pending.pop()
            if one.id in seen:
                continue
            seen.add(one.id)
            if self._choice.marked_install(one) or self._choice.marked_upgrade(one):
                found.append(one)
                needs = self._choice.get_candidate_ver(one).depends_list
                alternatives = (option for kind in _DEPENDENCIES for clause in needs.get(kind, ()) for option in clause)
                pending += [version.parent_pkg for option in alternatives for version in option.all_targets()]
        return found

    def _undo(self, chosen: Sequence[Any], *, thoroughly: bool) -> None:
        if thoroughly:
            self._choice.init()
            return
        with self._apt.ActionGroup(self._choice):
            for package in chosen:
                self._choice.mark_keep(package)

    def _deb(self, package: Any, chosen: Collection[int]) -> Deb | None:
        """None if it cannot be fetched."""
        version = self._choice.get_candidate_ver(package)
        for file, number in version.file_list:
            index = self._sources.find_index(file)
            if index is not None and self._records.lookup((file, number)):
                sha256 = self._records.hashes.find("sha256")
                url = index.archive_uri(self._records.filename)
                hexadecimal = str(sha256).partition(":")[2] if sha256 is not None else ""
                needs = tuple(self._needs(version, chosen))
                return Deb(package.name, version.ver_str, version.arch, version.size, url, hexadecimal, needs)
        return None

    def _needs(self, version: Any, chosen: Collection[int]) -> Iterator[Sequence[str]]:
        """See Deb."""
        for kind in self._followed:
            for clause in version.depends_list.get(kind, ()):
                targets = [target for option in clause for target in option.all_targets()]
                installed = (target.parent_pkg.current_ver for target in targets)
                if not {one.id for one in installed if one is not None} & {target.id for target in targets}:
                    yield tuple(sorted({target.parent_pkg.name for target in targets if target.id in chosen}))
