"""Which packages own a path, by dpkg's file lists."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError

INFO: Final = "/var/lib/dpkg/info/"


def parse_list(content: bytes) -> list[str]:
    """The paths in one of dpkg's .list files; the root directory, `/.`, is left out."""
    lines = content.decode("utf-8", "surrogateescape").split("\n")
    return [line for line in lines if line.startswith("/") and line != "/."]


def read_base_file(root: Path, path: str) -> bytes:
    """A file of dpkg's database in an unpacked base. Raises FarmError."""
    try:
        return (root / path.lstrip("/")).read_bytes()
    except OSError as error:
        raise FarmError(f"cannot read the base image: {root}{path}: {error.strerror}") from error


class FileLists:
    """File lists by package (`name`, or `name:arch` as dpkg names the list of a Multi-Arch: same package)."""

    def __init__(self, lists: Mapping[str, list[str]]) -> None:
        self.lists = lists
        owners: dict[str, set[str]] = defaultdict(set)
        for package, paths in lists.items():
            for path in paths:
                owners[path].add(package)
        self._owners = owners

    @classmethod
    def of_base(cls, root: Path) -> FileLists:
        """The lists of all packages of a base. Raises FarmError."""
        directory = root / INFO.lstrip("/")
        try:
            paths = sorted(directory.glob("*.list"))
        except OSError as error:
            raise FarmError(f"cannot read the base image: {directory}: {error.strerror}") from error
        return cls({path.stem: parse_list(read_base_file(root, f"{INFO}{path.name}")) for path in paths})

    def updated(self, lists: Mapping[str, list[str] | None]) -> FileLists:
        """These lists with some replaced, or taken away (None)."""
        merged = {package: paths for package, paths in self.lists.items() if package not in lists}
        merged.update({package: paths for package, paths in lists.items() if paths is not None})
        return FileLists(merged)

    def owners(self, path: str) -> tuple[str, ...]:
        """The owning packages, sorted; directories may be given with or without their trailing slash."""
        return tuple(sorted(self._owners.get(path.rstrip("/") or "/", ())))

    def owns_any(self, path: str) -> bool:
        """Whether any package owns the path."""
        return path in self._owners

    def of(self, name: str, *, every_architecture: bool = True) -> list[str]:
        """The files of a package, whichever architecture its list is named for, or only if for none."""
        if not every_architecture:
            return self.lists.get(name, [])
        return [
            path for package, paths in self.lists.items() if package.partition(":")[0] == name for path in paths
        ]
