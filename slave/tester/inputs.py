"""What is to be tested: operands become groups of packages, each group with a chroot of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from piufarm.errors import UsageError
from piufarm.names import InvalidName, Package, Version
from piufarm.slave.tester.options import Options


class BadPackageFile(Exception):
    """A .deb that cannot be read as one: a statement about the package, not about us."""


@dataclass(frozen=True)
class TestedPackage:
    """A package under test."""

    __test__ = False  # pytest: not a test class

    wanted: str  # what apt is asked for
    name: str  # what queries and removals name
    version: str | None = None
    deb: Path | None = None

    @property
    def disappears(self) -> bool:
        """Whether it is listed as a package that an upgrade makes disappear."""
        return self.version == "None"


@dataclass(frozen=True)
class Group:
    """Packages that are tested together."""

    packages: tuple[TestedPackage, ...]

    @property
    def debs(self) -> list[Path]:
        """The files of the group; empty if it is to come from the archive."""
        return [package.deb for package in self.packages if package.deb is not None]


def resolve(options: Options) -> list[Group]:
    """The groups to test, in order: one per .changes, then the rest together (or one by one).

    Raises UsageError for what cannot be found, BadPackageFile for a .deb that is none.
    """
    changes = [operand for operand in options.operands if operand.endswith(".changes")]
    others = [operand for operand in options.operands if not operand.endswith(".changes")]
    lists = [_debs_of_changes(Path(path)) for path in changes]
    groups = [] if options.single_changes_list else [Group(tuple(map(_from_file, debs))) for debs in lists]
    common = [_from_name(name) for name in others] if options.apt else [_from_file(Path(path)) for path in others]
    if options.single_changes_list:
        common += [_from_file(deb) for debs in lists for deb in debs]
    if options.apt and any(package.deb for package in common):
        raise UsageError("names and files cannot be tested together", hint="leave out --single-changes-list")
    if options.single_packages:
        return groups + [Group((package,)) for package in common]
    return groups + ([Group(tuple(common))] if common else [])


def _from_name(operand: str) -> TestedPackage:
    """`name`, `name=version`, `name:arch` or `name/suite`, handed to apt as it is."""
    name, _, version = operand.partition("=")
    if not name or name.startswith("-") or any(c.isspace() or not c.isprintable() for c in operand):
        raise UsageError(f"not a package name: {operand!r}")
    return TestedPackage(operand, name, version or None)


def _from_file(path: Path) -> TestedPackage:
    if not path.is_file():
        hint = "to test a package of the archive by name, add --apt" if "/" not in str(path) else None
        raise UsageError(f"no such file: {path}", hint=hint)
    import apt_inst
    import apt_pkg

    try:
        control = apt_pkg.TagSection(apt_inst.DebFile(str(path)).control.extractdata("control"))
        name, version = Package(control["Package"]), Version(control["Version"])
    except (apt_pkg.Error, LookupError, InvalidName, SystemError, UnicodeDecodeError) as error:
        raise BadPackageFile(f"{path} is not a readable Debian package: {error}") from error
    return TestedPackage(f"{name}={version}", name, version, path)


def _debs_of_changes(path: Path) -> Sequence[Path]:
    """The .debs that a .changes lists; other files (sources, udebs, ddebs) are passed over."""
    from debian.deb822 import Changes

    try:
        with path.open("rb") as stream:
            files = Changes(stream).get("Files", [])
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read {path}: {error}") from error
    debs = [path.parent / entry["name"] for entry in files if entry["name"].endswith(".deb")]
    if not debs:
        raise UsageError(f"{path} lists no .deb files", hint="a .changes of a source-only upload cannot be tested")
    for deb in debs:
        if deb.parent != path.parent:
            raise UsageError(f"{path} names a file outside its directory: {deb.name!r}")
    return debs
