"""Stands in for apt and dpkg in a chroot in memory: it remembers what was installed, removed and purged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from piufarm.slave.chroot.interface import CommandResult
from tests.slave.tester.memory import MemoryChroot, answered

BASE = {"base-files": "12", "dash": "0.5"}


class Dpkg:
    """An Answer. `archive` are names that apt knows, with their version; every package has a configuration file."""

    def __init__(self, archive: Mapping[str, str]) -> None:
        self.archive = archive
        self.installed = dict(BASE)
        self.removed: dict[str, str] = {}

    def __call__(self, _: MemoryChroot, argv: tuple[str, ...]) -> CommandResult | None:
        words = [word for word in argv[1:] if not word.startswith("-")]
        match argv[0], words[:1]:
            case "dpkg-query", _:
                return answered(argv, self._status())
            case "apt-cache", _:
                shown = [f"Package: {name}\nFilename: x\n\n" for name in words[1:] if name in self.archive]
                return answered(argv, "".join(shown), status=0 if shown else 100)
            case "apt-get", ["install"] if "--simulate" not in argv:
                for word in words[1:]:
                    self._install(*self._meant(word))
            case "apt-get", ["remove"]:
                for name in words[1:]:
                    if name in self.installed:
                        self.removed[name] = self.installed.pop(name)
            case "dpkg", _ if "--purge" in argv:
                for name in words:
                    self.installed.pop(name, None)
                    self.removed.pop(name, None)
        return None

    def _meant(self, word: str) -> Sequence[str]:
        """Name and version of an operand: ./tmp/NAME_VERSION_ARCH.deb, NAME=VERSION or NAME."""
        if word.endswith(".deb"):
            name, version, *_ = [*word.removeprefix("./tmp/").removesuffix(".deb").split("_"), "0"]
            return name, version
        name, _, version = word.partition("=")
        return name, version or self.archive[name]

    def _install(self, name: str, version: str) -> None:
        self.removed.pop(name, None)
        self.installed[name] = version

    def _status(self) -> str:
        there = [f"install\tinstalled\t{name}\t{version}\n\n" for name, version in self.installed.items()]
        gone = [f"deinstall\tconfig-files\t{name}\t{version}\n\n" for name, version in self.removed.items()]
        return "".join([*there, *gone])
