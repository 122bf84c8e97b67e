"""What is to be tested: operands become groups of packages, each group with a chroot of its own."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from piufarm.errors import UsageError
from piufarm.names import InvalidName, Package, Version
from piufarm.slave.tester.command_line.options import Options


class _BadPackageFile(Exception):
    """A .deb that cannot be read as one: a statement about the package, not about us."""


@dataclass(frozen=True)
class TestedPackage:
    """A package under test."""

    __test__ = False  # pytest: not a test class

    wanted: str  # what apt is asked for
    name: str  # what queries and removals name; `name:arch` if it was asked for so
    version: str | None = None
    deb: Path | None = None
    architecture: str = ""  # that the file is for

    @property
    def plain_name(self) -> str:
        """The name without architecture."""
        return self.name.partition(":")[0]

    @property
    def disappears(self) -> bool:
        """Whether it is listed as a package that an upgrade makes disappear."""
        return self.version == "None"


@dataclass(frozen=True)
class Group:
    """Packages that are tested together."""

    packages: tuple[TestedPackage, ...]
    problem: str = ""  # why they cannot be tested at all, which is their fault

    @property
    def debs(self) -> list[Path]:
        """The files of the group; empty if it is to come from the archive."""
        return [package.deb for package in self.packages if package.deb is not None]

    @property
    def title(self) -> str:
        """The group as logs name it."""
        return " ".join(package.wanted for package in self.packages)


def resolve(options: Options) -> list[Group]:
    """The groups to test, in order: one per .changes, then the rest together (or one by one).

    Raises UsageError for what cannot be found.
    """
    changes = [operand for operand in options.operands if operand.endswith(".changes")]
    others = [operand for operand in options.operands if not operand.endswith(".changes")]
    lists = [_debs_of_changes(Path(path)) for path in changes]
    if options.single_changes_list and options.apt and changes:
        raise UsageError("names and files cannot be tested together", hint="leave out --single-changes-list")
    groups = [] if options.single_changes_list else [_group_of_files(debs) for debs in lists]
    if options.apt:
        return groups + _apart_or_together(list(map(_from_name, others)), apart=options.single_packages)
    common = [*map(Path, others), *(deb for debs in lists for deb in debs if options.single_changes_list)]
    if options.single_packages:
        return groups + [_group_of_files([path]) for path in common]
    return groups + ([_group_of_files(common)] if common else [])


def _apart_or_together(packages: Sequence[TestedPackage], *, apart: bool) -> list[Group]:
    if apart:
        return [Group((package,)) for package in packages]
    return [Group(tuple(packages))] if packages else []


def _from_name(operand: str) -> TestedPackage:
    """`name`, `name=version`, `name:arch` or `name/suite`, handed to apt as it is."""
    asked, _, version = operand.partition("=")
    name = asked.partition("/")[0]
    if not name or name.startswith(("-", ":")) or any(c.isspace() or not c.isprintable() for c in operand):
        raise UsageError(f"not a package name: {operand!r}")
    return TestedPackage(operand, name, version or None)


def _group_of_files(paths: Sequence[Path]) -> Group:
    """Raises UsageError for files that are missing, and for two of one package: only one of them would be tested."""
    once: dict[str, Path] = {}
    for path in paths:
        once.setdefault(os.path.realpath(path), path)
    files = list(once.values())
    for path in files:
        if not path.is_file():
            hint = "to test a package of the archive by name, add --apt" if "/" not in str(path) else None
            raise UsageError(f"no such file: {path}", hint=hint)
    try:
        packages = tuple(map(_from_file, files))
    except _BadPackageFile as error:
        return Group(tuple(TestedPackage(path.name, path.name, deb=path) for path in files), str(error))
    _refuse_rivals(packages)
    return Group(packages)


def _refuse_rivals(packages: Sequence[TestedPackage]) -> None:
    """Raises UsageError for files of which only one can be installed. One for all architectures bears no other."""
    hint = "only one can be installed; test them one by one, with --single-packages"
    files: dict[str, Counter[str]] = {}
    for package in packages:
        files.setdefault(package.name, Counter())[package.architecture] += 1
    for name, counts in files.items():
        for architecture, count in counts.items():
            if count > 1:
                raise UsageError(f"{count} files of the package {name}:{architecture}", hint=hint)
        if "all" in counts and len(counts) > 1:
            raise UsageError(f"files of the package {name} for {' and '.join(sorted(counts))}", hint=hint)


def _from_file(path: Path) -> TestedPackage:
    import apt_inst
    import apt_pkg

    try:
        control = apt_pkg.TagSection(apt_inst.DebFile(str(path)).control.extractdata("control"))
        name, version = Package(control["Package"]), Version(control["Version"])
    except (apt_pkg.Error, LookupError, InvalidName, SystemError, UnicodeDecodeError) as error:
        raise _BadPackageFile(f"{path} is not a readable Debian package: {error}") from error
    return TestedPackage(f"{name}={version}", name, version, path, control.get("Architecture", ""))


def _debs_of_changes(path: Path) -> Sequence[Path]:
    """The .debs that a .changes lists; other files (sources, udebs, ddebs) are passed over."""
    from debian.deb822 import Changes

    try:
        with path.open("rb") as stream:
            names = [entry["name"] for entry in Changes(stream).get("Files", [])]
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"cannot read {path}: {error}", hint="is it a .changes file, and whole?") from error
    debs = [path.parent / name for name in names if name.endswith(".deb")]
    if not debs:
        raise UsageError(f"{path} lists no .deb files", hint="a .changes of a source-only upload cannot be tested")
    for deb in debs:
        if deb.parent != path.parent:
            raise UsageError(f"{path} names a file outside its directory: {deb.name!r}")
    return debs
