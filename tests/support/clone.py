"""The clone that the tests run from, and the files in it that are ours."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from piufarm.run import run

CLONE: Final = Path(__file__).resolve().parents[2]
PIUFARM: Final = CLONE / "bin" / "piufarm"


@cache
def tracked_files() -> tuple[Path, ...]:
    """The regular files that git tracks or would track; without git (an unpacked release) all that are not ignored."""
    if not (CLONE / ".git").exists():
        return tuple(path for path in sorted(CLONE.rglob("*")) if _is_ours(path))
    listed = run(["git", "-C", CLONE, "-c", f"safe.directory={CLONE}", "ls-files", "-z", "-co", "--exclude-standard"])
    paths = (CLONE / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in paths if path.is_file() and not path.is_symlink())


def _is_ours(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(CLONE).parts)
    return path.is_file() and not path.is_symlink() and (not hidden or path.parent.name == ".ci")


def first_line(path: Path) -> str:
    """A file's first line, where a script names its interpreter."""
    with path.open("rb") as stream:
        return stream.readline(200).decode("utf-8", "replace").rstrip("\n")


@cache
def python_files() -> list[Path]:
    """Every tracked Python file, also the scripts without a suffix."""
    return [path for path in tracked_files() if path.suffix == ".py" or first_line(path) == "#!/usr/bin/python3"]


@cache
def shell_files() -> list[Path]:
    """Every tracked shell script."""
    shells = ("#!/bin/sh", "#!/bin/bash")
    return [path for path in tracked_files() if path.suffix == ".sh" or first_line(path).startswith(shells)]


@cache
def perl_files() -> list[Path]:
    """Every tracked Perl script."""
    return [path for path in tracked_files() if path.suffix == ".pl" or "perl" in first_line(path)[:20]]


def imports_of(path: Path) -> Iterator[str]:
    """Every module that a file names in an import statement or hands to importlib as a literal."""
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (str(word.value) for word in node.args if isinstance(word, ast.Constant))
