"""Files that an upgrade moves between / and /usr: with /usr merged they have never moved, and dpkg may lose them."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.command_line.options import UsrMove
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import Level, one_line
from piufarm.slave.tester.state.owners import FileLists
from piufarm.slave.tester.state.tree import Tree

_NAME: Final = "usr-move"
_MERGED: Final = re.compile(r"(?:/usr)?/(?:bin|sbin|lib[^/]*)/.+")
_HEADLINE: Final = "File(s) moved between /{bin|sbin|lib*} and /usr/{bin|sbin|lib*}:"


class Move(NamedTuple):
    """A path of a package that has become its counterpart, each with its owners."""

    path: str
    owners: tuple[str, ...]
    counterpart: str
    new_owners: tuple[str, ...]

    def __str__(self) -> str:
        return f"{one_line(self.path)} {list(self.owners)} => {one_line(self.counterpart)} {list(self.new_owners)}"


def moved(before: FileLists, after: FileLists, tree: Tree, *, pairs_too: bool = False) -> Iterator[Move]:
    """Paths that were owned before, and whose counterpart on the other side of /usr is an owned file now.

    With `pairs_too`, as the predecessor has it, what is in both places all the time counts, too.
    """
    for path in sorted({path for paths in before.lists.values() for path in paths if _MERGED.fullmatch(path)}):
        counterpart = path.removeprefix("/usr") if path.startswith("/usr/") else f"/usr{path}"
        is_pair = before.owns_any(counterpart) and after.owns_any(path)
        if after.owns_any(counterpart) and (pairs_too or not is_pair) and _is_file(tree, counterpart):
            yield Move(path, before.owners(path), counterpart, after.owners(counterpart))


def _is_file(tree: Tree, path: str) -> bool:
    resolution = tree.resolve(path)
    entry = tree.get(resolution.path) if resolution.exists else None
    return entry is not None and stat.S_ISREG(entry.mode)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    earlier, lists, tree = examination.earlier_lists, examination.lists, examination.tree()
    moves = list(moved(earlier, lists, tree, pairs_too=examination.options.checks.compat))
    if not moves:
        return
    fails = examination.options.checks.usr_move is UsrMove.FAIL
    text = f"{'FAIL' if fails else 'WARN'}: {_HEADLINE}   " + "\n".join(str(move) for move in moves)
    owners = sorted({owner for move in moves for owner in (*move.owners, *move.new_owners)})
    severity = Severity.ERROR if fails else Severity.WARNING
    yield Finding(_NAME, severity, text, tuple(move.counterpart for move in moves), tuple(owners))


CHECK: Final = Check(
    _NAME,
    (Moment.UPGRADED,),
    _find,
    is_wanted=lambda options: options.usr_move is not UsrMove.DISABLED,
    warning_level=Level.WARNING,
)
