"""What dpkg has installed in a chroot, and how that differs from another moment."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

STATUS: Final = "/var/lib/dpkg/status"
QUERY: Final = (
    "dpkg-query",
    "-W",
    "-f",
    "${db:Status-Want}\\t${db:Status-Status}\\t${binary:Package}\\t${Version}\\n${Conffiles}\\n",
)


@dataclass(frozen=True)
class Conffile:
    """A configuration file as dpkg remembers it."""

    path: str
    md5: str
    is_obsolete: bool


@dataclass(frozen=True)
class InstalledPackage:
    """A package in dpkg's database; `name` is qualified (`name:arch`) for Multi-Arch: same."""

    name: str
    version: str
    want: str  # install, hold, deinstall, purge, unknown
    status: str  # installed, config-files, half-configured, …
    conffiles: tuple[Conffile, ...] = field(default=())

    @classmethod
    def of_base(cls, name: str, version: str) -> InstalledPackage:
        """A package that a base has installed."""
        return cls(name, version, "install", "installed")

    @property
    def plain_name(self) -> str:
        """The name without architecture."""
        return self.name.partition(":")[0]

    @property
    def is_installed(self) -> bool:
        return self.status == "installed"

    @property
    def is_pending(self) -> bool:
        """Whether it is selected for removal and not gone, which `--pending` acts on."""
        return (self.want == "purge" and self.status != "not-installed") or (
            self.want == "deinstall" and self.status not in ("not-installed", "config-files")
        )


def parse_query(output: str) -> dict[str, InstalledPackage]:
    """Packages by name, from the output of QUERY."""
    packages: dict[str, InstalledPackage] = {}
    header: list[str] = []
    conffiles: list[Conffile] = []

    def close() -> None:
        if header:
            want, status, name, version = header
            packages[name] = InstalledPackage(name, version, want, status, tuple(conffiles))

    for line in output.split("\n"):
        if line.startswith(" "):
            conffiles.append(_conffile(line))
        elif line.count("\t") == 3:
            close()
            header, conffiles = line.split("\t"), []
    close()
    return packages


def parse_remains(content: bytes | None) -> dict[str, InstalledPackage]:
    """Packages that are not installed but have left configuration files, from the content of dpkg's status file."""
    remains: dict[str, InstalledPackage] = {}
    for stanza in (content or b"").decode("utf-8", "surrogateescape").split("\n\n"):
        if " config-files\n" not in stanza:
            continue
        fields = dict(line.split(": ", 1) for line in stanza.split("\n") if line[:1].isalpha() and ": " in line)
        want, _, status = fields.get("Status", "").split(" ") if fields.get("Status", "").count(" ") == 2 else [""] * 3
        if status == "config-files":
            arch = f":{fields.get('Architecture', '')}" if fields.get("Multi-Arch") == "same" else ""
            name = fields.get("Package", "") + arch
            remains[name] = InstalledPackage(name, fields.get("Version", ""), want, status)
    return remains


def _conffile(line: str) -> Conffile:
    """` PATH MD5 [obsolete] [remove-on-upgrade]`; a path may hold blanks."""
    words = line[1:].split(" ")
    flags = {"obsolete", "remove-on-upgrade"}
    is_obsolete = False
    while len(words) > 2 and words[-1] in flags:
        is_obsolete |= words.pop() == "obsolete"
    return Conffile(" ".join(words[:-1]), words[-1], is_obsolete)


@dataclass(frozen=True)
class Restoration:
    """What brings a chroot back to earlier packages: names to remove, and to install in which version."""

    remove: tuple[str, ...]
    install: Mapping[str, str]


def restoration(
    before: Mapping[str, InstalledPackage], now: Mapping[str, InstalledPackage], last: Collection[str] = ()
) -> Restoration:
    """Packages that were not installed are to go; those that are missing or changed are to come back.

    Removals are in alphabetical order, but those named by `last` at the end.
    """
    present = {name: package for name, package in now.items() if package.status != "not-installed"}
    install = {
        name: package.version
        for name, package in before.items()
        if package.is_installed and (name not in present or not _is_as_before(package, present[name]))
    }
    remove = [
        name for name, package in present.items()
        if name not in before or (package.is_installed and not before[name].is_installed)
    ]
    return Restoration(tuple(sorted(remove, key=lambda name: (name in last, name))), install)


def _is_as_before(before: InstalledPackage, now: InstalledPackage) -> bool:
    wanted = {"install", "hold", before.want}
    return now.is_installed and now.version == before.version and now.want in wanted
