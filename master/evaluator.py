"""Bringing states up to date: by one process per section at a time, however many sessions ask for it."""

from __future__ import annotations

import fcntl
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import piufarm
from piufarm.names import SectionName
from piufarm.store.model import Store

_FLOCK: Final = "hhqqi"  # struct flock of fcntl(2): type, whence, start, length, process


def bring_up_to_date(store: Store, section: SectionName) -> int:
    """Compute the section's states until no result is left out; returns how many packages changed."""
    from piufarm.master.states.evaluation import evaluate

    changed = 0
    while store.evaluation_due(section):
        snapshot = store.snapshot(section)
        states = evaluate(snapshot)
        store.set_states(section, states, evaluated=snapshot)
        changed += len(states)
    return changed


def evaluate_alone(store: Store, section: SectionName, directory: Path) -> int | None:
    """Bring states up to date unless another process is at it already; None then."""
    changed: int | None = None
    # asked again after the lock was given up: whoever found it taken relies on us
    while changed is None or store.evaluation_due(section):
        with _sole_evaluator(directory) as alone:
            if not alone:
                break
            changed = (changed or 0) + bring_up_to_date(store, section)
    return changed


def is_being_evaluated(directory: Path) -> bool:
    """Whether a process is evaluating the section of this folder; only asks, and so is in nobody's way."""
    try:
        descriptor = os.open(directory / "evaluate.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        question = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
        (kind, *_) = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        return bool(kind != fcntl.F_UNLCK)
    finally:
        os.close(descriptor)


def start_evaluator(section: SectionName, *, config: Path, errors: Path) -> None:
    """Start `piufarm master evaluate` as a process that outlives this one; what it has to say goes to `errors`.

    Raises FarmError, OSError.
    """
    from piufarm.run import DEVNULL, clean_environment, spawn  # loads subprocess, which few sessions need

    package = Path(piufarm.__file__).resolve().parent
    with errors.open("ab") as stderr:
        spawn(
            [sys.executable, "-P", "-m", "piufarm", "master", "evaluate", "--config", config, section],
            env=clean_environment(PYTHONPATH=str(package.parent)),
            stdout=DEVNULL,
            stderr=stderr,
        )


@contextmanager
def _sole_evaluator(directory: Path) -> Iterator[bool]:
    """Whether this process is the only one that evaluates the section of this folder while the block runs."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory / "evaluate.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(descriptor)
