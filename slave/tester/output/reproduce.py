"""One command line that does a test again: the same versions, suite and options, from any directory."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from piufarm.slave.tester.command_line.options import Options

# Where the output goes, what is kept for people and which layers were ready (their plan goes with its batch) changes
# nothing of a verdict: option -> number of values.
_LEFT_OUT: Final[Mapping[str, int]] = {
    "--result": 1, "-l": 1, "--log-file": 1, "--logfile": 1, "--log-level": 1, "-v": 0, "--verbose": 0,
    "-k": 0, "--keep-env": 0, "--keep-tmpdir": 0, "--shell-on-error": 0,
    "--layers": 1, "--layers-disk": 1, "--recheck-layers": 0,
}  # fmt: skip


def reproduction(options: Options, versions: Mapping[str, str]) -> str:
    """A shell command; `versions` are those in which packages were tested, by name."""
    words = list(_without_output(options.words))
    for operand in options.operands:
        place = len(words) - 1 - words[::-1].index(operand) if operand in words else None
        if place is not None:
            words[place] = _pinned(operand, versions) if options.apt else str(Path(operand).absolute())
    command = shlex.join([_program(), *words])
    config = os.environ.get("PIUPARTS_CONF")
    if config:
        command = f"PIUPARTS_CONF={shlex.quote(str(Path(config).absolute()))} {command}"
    return f"cd {shlex.quote(str(Path.cwd()))} && {command}" if any(map(_is_relative_path, words)) else command


def _without_output(words: Iterable[str]) -> Iterator[str]:
    remaining = iter(words)
    for word in remaining:
        name, has_value, _ = word.partition("=")
        if name not in _LEFT_OUT:
            yield word
        elif not has_value:
            for _ in range(_LEFT_OUT[name]):
                next(remaining, None)


def _pinned(operand: str, versions: Mapping[str, str]) -> str:
    """`name=version` for what was asked for by name, or by name and suite."""
    name = operand.partition("/")[0]
    version = versions.get(name) or versions.get(name.partition(":")[0])
    return operand if "=" in operand or version is None else f"{name}={version}"


def _is_relative_path(word: str) -> bool:
    """Whether a word, or the value of an option, names something in the present directory."""
    value = word.partition("=")[2] if word.startswith("-") else word
    return bool(value) and not value.startswith("/") and Path(value).exists()


def _program() -> str:
    """This program, as it is found from anywhere."""
    return "piufarm" if shutil.which("piufarm") else str(Path(sys.argv[0]).absolute())
