"""What tmpfiles.d of the packages under test makes anew at each boot, and no script of theirs takes away.

A chroot has no systemd that would make it: what is made elsewhere is told from the files alone, so this only warns.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment, unless_compat
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.owners import INFO

_NAME: Final = "tmpfiles"
_HEADLINE: Final = "WARN: tmpfiles.d makes these at each boot, and no script removes them:"
_FILE: Final = re.compile(r"/(?:usr/lib|lib|etc)/tmpfiles\.d/[^/]+\.conf")
# tmpfiles.d(5): lines that make files, directories, links, pipes, devices and copies; no paths with specifiers
_LINE: Final = re.compile(r"""[fFdDvqQpLcbC][-+!=~^$?]*\s+(?:"(/[^"%]+)"|'(/[^'%]+)'|(/[^\s"'%]+))(?:\s.*)?""")
_VOLATILE: Final = re.compile(r"/(?:run|tmp|dev|proc|sys|var/run|var/tmp|var/lock)(?:/.*)?")
_BY_SYSTEMD: Final = "systemd-tmpfiles --purge"


def made_at_boot(content: bytes) -> Iterator[str]:
    """The paths that a file of tmpfiles.d makes, without those that no reboot survives."""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        match = _LINE.fullmatch(line.strip())
        if match:
            path = posixpath.normpath(match[1] or match[2] or match[3])
            if not _VOLATILE.fullmatch(path):
                yield path


def _names_it(scripts: str, path: str) -> bool:
    """Whether maintainer scripts speak of a path, or of a directory above it that is a package's own."""
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(4, len(parts) + 1)] or [path]
    return any(name in scripts for name in above)


def _removal_scripts(examination: Examination, name: str) -> str:
    places = (f"{INFO}{name}.{script}" for script in ("prerm", "postrm"))
    return b"".join(examination.chroot.read(place) or b"" for place in places).decode("utf-8", "surrogateescape")


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    for name in examination.own_names():
        files = [path for path in examination.lists.of(name) if _FILE.fullmatch(path)]
        made = {path for file in files for path in made_at_boot(examination.chroot.read(file) or b"")}
        made -= {path for path in made if examination.lists.owns_any(path) or examination.reference.tree.get(path)}
        scripts = _removal_scripts(examination, name) if made else ""
        left = sorted(path for path in made if not _names_it(scripts, path))
        if left and _BY_SYSTEMD not in scripts:
            yield Finding(_NAME, Severity.WARNING, "\n".join([_HEADLINE, *map(one_line, left)]), tuple(left), (name,))


CHECK: Final = Check(_NAME, (Moment.BEFORE_REMOVAL,), _find, ends_the_test=False, is_wanted=unless_compat)
