"""Marks made by hand in `recycle/`: links to logs, or empty files, of packages that are to be tested again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from piufarm.master.layout import SectionFiles
from piufarm.master.session.machine import Clock
from piufarm.names import InvalidName, Package, SectionName, parse_log_name
from piufarm.store.model import Store


class HandmadeMark(NamedTuple):
    """A file in `recycle/`; `take_over` enters it into the queue and removes it, `remedy` says so."""

    text: str
    remedy: str = ""
    take_over: Callable[[], None] | None = None


def handmade_marks(store: Store, section: SectionName, files: SectionFiles, clock: Clock) -> Iterator[HandmadeMark]:
    """Every file in the folder, the oldest first; those that are no marks are left alone."""
    row = store.section(section)
    if row is None or row.generation == 0:
        return  # which versions are tested is not known yet
    for mark in sorted(files.recycle.glob("*.log"), key=_age):
        try:
            package, version = parse_log_name(mark.name)
        except InvalidName as error:
            yield HandmadeMark(f"{mark} is left alone: {error}")
            continue
        present = store.package(section, package)
        if present is None or present.test_version != version:
            drop = partial(mark.unlink, missing_ok=True)
            yield HandmadeMark(f"{mark} marks a version that is not tested any more", "removed", drop)
        else:
            enter = partial(_enter, store, section, (mark, package), clock)
            yield HandmadeMark(f"{mark} marks a package to be tested again", "taken over", enter)


def _age(mark: Path) -> tuple[float, str]:
    try:
        return mark.lstat().st_ctime, mark.name
    except FileNotFoundError:
        return 0.0, mark.name


def _enter(store: Store, section: SectionName, mark: tuple[Path, Package], clock: Clock) -> None:
    store.queue_recycle(section, [mark[1]], now=clock())
    mark[0].unlink(missing_ok=True)
