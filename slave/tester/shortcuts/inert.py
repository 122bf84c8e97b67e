"""Packages that take no part in anything while others are upgraded: they have files, and that is all.

Where nothing else came with them, it makes no difference whether they are installed before the base is upgraded or
after: dpkg writes the same files and the same records.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator, Mapping
from typing import Final

from piufarm.slave.chroot.interface import Entry
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.state.owners import INFO
from piufarm.slave.tester.state.packages import InstalledPackage

_SCRIPTS: Final = ("preinst", "postinst", "prerm", "postrm", "config", "templates")
_INTEREST: Final = re.compile(rb"^\s*interest", re.MULTILINE)
# What apt and dpkg write beside the files of packages, and what the dynamic linker remembers.
_RECORDS: Final = re.compile(
    r"/var/lib/(dpkg|apt)/(?!diversions|statoverride|alternatives/).*|/var/cache/(apt|ldconfig)/.*|/etc/ld\.so\.cache"
    r"|/var/log/(apt/.*|dpkg\.log|alternatives\.log)"
)


def added_packages(examination: Examination) -> Mapping[str, InstalledPackage] | None:
    """The packages that were installed on top of the base; None if that was not all that happened to its packages."""
    before, now = examination.base.facts.packages, examination.packages()
    for name, package in before.items():
        if name not in now or not is_as_before(package, now[name]):
            return None
    return {name: package for name, package in now.items() if name not in before}


def is_as_before(before: InstalledPackage, now: InstalledPackage) -> bool:
    """Whether dpkg knows the same of a package."""
    return (before.version, before.want, before.status) == (now.version, now.want, now.status)


def are_inert(examination: Examination, added: Mapping[str, InstalledPackage]) -> bool:
    """Whether these packages have files, new ones, and nothing else came with them."""
    owned = _files_of(examination, added)
    return (
        all(package.is_installed for package in added.values())
        and not any(map(examination.tree().get, _scripts_of(added)))
        and not any(_takes_interest(examination, name) for name in added)
        and all(path in owned or _RECORDS.fullmatch(path) for path in _changed_paths(examination))
    )


def are_in_the_way(
    examination: Examination, added: Mapping[str, InstalledPackage], later: Mapping[str, Entry]
) -> bool:
    """Whether one of their files is where `later`, the upgraded base, has something."""
    return any(_is_in_the_way(examination, path, later.get(path)) for path in _files_of(examination, added))


def _files_of(examination: Examination, added: Mapping[str, InstalledPackage]) -> set[str]:
    lists = examination.present_lists().lists
    return {path for name in added for path in lists.get(name, ())}


def _scripts_of(added: Mapping[str, InstalledPackage]) -> Iterator[str]:
    return (f"{INFO}{name}.{script}" for name in added for script in _SCRIPTS)


def _takes_interest(examination: Examination, name: str) -> bool:
    """Whether dpkg would call the package when files of others come or go."""
    return bool(_INTEREST.search(examination.chroot.read(f"{INFO}{name}.triggers") or b""))


def _changed_paths(examination: Examination) -> Iterator[str]:
    changes = examination.tree().changes
    yield from changes.before
    yield from changes.after


def _is_in_the_way(examination: Examination, path: str, later: Entry | None) -> bool:
    """Directories may be shared, and so may links of the base such as /bin."""
    now = examination.tree().get(path)
    if later is None or now is None or (stat.S_ISDIR(later.mode) and stat.S_ISDIR(now.mode)):
        return False
    return now.target is None or now != later or path not in examination.chroot.base.tree
