"""What lies beside the logs of piuparts: `.kpr`, the known problems of a log, and `.bug`, links to bug reports."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from piufarm.files import atomic_writer

KPR: Final = ".kpr"
BUG: Final = ".bug"
_CONF: Final = ".conf"
_PROBLEM_MAX: Final = 128


def problems_of(log: Path) -> Sequence[str]:
    """The names of the known problems of a log, as the `.kpr` beside it has them.

    Lines about another file are none of its: the log was moved since it was classified. Raises OSError.
    """
    try:
        lines = log.with_suffix(KPR).read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    here = f"{log.parent.name}/{log.name}"
    found = {
        words[1].removesuffix(_CONF): None
        for words in map(str.split, lines)
        if len(words) == 2 and words[0] == here and _is_name(words[1])
    }
    return list(found)


def logs_with_problem(folder: Path, problem: str) -> Iterator[str]:
    """The names of the logs in a folder beside which a `.kpr` names this problem. Raises OSError."""
    for beside in folder.glob(f"*{KPR}"):
        log = beside.with_suffix(".log")
        if log.exists() and problem in problems_of(log):
            yield log.name


def _is_name(word: str) -> bool:
    return word.isprintable() and "/" not in word and len(word) <= _PROBLEM_MAX


def kpr_text(log: Path, problems: Iterable[str]) -> str:
    """What stands in the `.kpr` of a log."""
    return "".join(f"{log.parent.name}/{log.name} {problem}{_CONF}\n" for problem in sorted(problems))


def copy_side_file(source: Path, target: Path) -> bool:
    """Copy a file with its time unless `target` is there; False if there is nothing to copy. Raises OSError."""
    if target.exists() or not source.is_file():
        return False
    with source.open("rb") as content, atomic_writer(target, durable=False) as stream:
        shutil.copyfileobj(content, stream)
    shutil.copystat(source, target)
    return True
