"""The fault points of the code, and where in the work of a session each one lies."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from tests.support.clone import CLONE, python_files

_PRODUCT: Final = ("piufarm", "master", "slave", "report")


class Stage(StrEnum):
    """What a process was doing when it was killed."""

    BODY = "in a body"
    COMMIT = "in a commit"
    ELSEWHERE = "elsewhere"


def fault_points() -> dict[str, Path]:
    """Every point of the product by name, with the file that it is in."""
    found = {}
    for path in python_files():
        if path.relative_to(CLONE).parts[0] in _PRODUCT:
            for name in _points_of(path):
                assert name not in found, f"two fault points are called {name}"
                found[name] = path
    return found


def _points_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "fault_point":
            (name,) = node.args
            assert isinstance(name, ast.Constant), f"{path}:{node.lineno}: the name of a point is a literal"
            yield str(name.value)


def stage_of(passed: Iterable[str]) -> Stage:
    """What a process was doing that had passed these points, the last of them last.

    The commit of a result reaches from its last byte to its `ok`, that of anything else is a transaction.
    """
    stage = Stage.ELSEWHERE
    has_log = False
    for point in passed:
        if point == "session.replied":
            stage, has_log = Stage.ELSEWHERE, False
        elif point in ("file.made", "intake.chunk"):
            stage, has_log = Stage.BODY, True
        elif point in ("file.written", "store.begun", "store.postgresql-begun") or point.startswith("migrate."):
            stage = Stage.COMMIT
        elif point in ("store.committed", "store.postgresql-committed") and not has_log:
            stage = Stage.ELSEWHERE
    return stage
