"""Services of systemd that stay enabled as configuration files when their package is removed, without their program.

systemd would start them at the next boot, or when their timer or socket says so, and fail. Units below /usr/lib go with
their package, and links to them that are left after a purge are left files like any other.
"""

from __future__ import annotations

import posixpath
import re
import stat
from collections.abc import Iterable, Iterator
from typing import Final

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment, unless_compat
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.tree import Tree

_NAME: Final = "systemd-units"
_HEADLINE: Final = "FAIL: Services are still enabled with their package removed:"
_SERVICE: Final = re.compile(r"/etc/systemd/(?:system|user)/[^/]+\.service")
_ENABLING: Final = re.compile(r"/etc/systemd/(?:system|user)/[^/]+\.(?:wants|requires|upholds)/([^/]+)")
_STARTER: Final = re.compile(r"\.(?:timer|socket|path)\Z")
# A dash before the program means that it may fail; a service with a condition is passed over where that is not met.
_PROGRAM: Final = re.compile(r"^ExecStart(?:Pre)?\s*=\s*[@:+!]*(/\S+)", re.MULTILINE)
_CONDITION: Final = re.compile(r"^(?:Condition|Assert)\w+\s*=", re.MULTILINE)


def missing_programs(unit: str, tree: Tree) -> list[str]:
    """The programs that a service would start and that do not exist."""
    if _CONDITION.search(unit):
        return []
    return [program for program in dict.fromkeys(_PROGRAM.findall(unit)) if not tree.resolve(program).exists]


def _enabled(tree: Tree) -> set[str]:
    """Services that something starts: by their own name, or that of their timer, socket or path."""
    matches = (match for path, _ in tree.symlinks() if (match := _ENABLING.fullmatch(path)))
    return {_STARTER.sub(".service", match[1]) for match in matches}


def _services(examination: Examination) -> Iterator[tuple[str, str]]:
    tree = examination.tree()
    for name, path in examination.own_files():
        entry = tree.get(path) if _SERVICE.fullmatch(path) else None
        if entry is not None and stat.S_ISREG(entry.mode):
            yield name, path


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    services = list(_services(examination))
    enabled = _enabled(examination.tree()) if services else set()
    for name, path in services:
        if posixpath.basename(path) not in enabled:
            continue
        unit = (examination.chroot.read(path) or b"").decode("utf-8", "surrogateescape")
        missing = missing_programs(unit, examination.tree())
        if missing:
            line = f"{one_line(path)} would start {', '.join(map(one_line, missing))}"
            yield Finding(_NAME, Severity.ERROR, f"{_HEADLINE}\n{line}", (path,), (name,))


CHECK: Final = Check(_NAME, (Moment.REMOVED,), _find, ends_the_test=False, is_wanted=unless_compat)
