"""The reference of an upgrade between suites: the base, upgraded without any package under test.

It takes as long as a test to make and is the same for all packages, so it is kept: in the file that --save-end-meta and
--end-meta name, and in any case in a cache, by the content of the base, all settings and what the archives have.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.tester.checks import run_checks
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.examination import Examination, TestEnded
from piufarm.slave.tester.inputs import Group
from piufarm.slave.tester.state.reference import OUTDATED
from piufarm.slave.tester.state.tree import Tree
from piufarm.slave.tester.steps.suite_upgrade import note_archive_state, upgrade_to
from piufarm.slave.tester.upgrades.end_meta import EndMeta, NotEndMeta, read_end_meta, write_end_meta
from piufarm.slave.tester.upgrades.way import Way
from piufarm.trouble import TroubleKind

# Read by slaves, which then remove the file.
_OTHER_SELECTIONS: Final = "Initial package selections do not match - ignoring loaded reference chroot state"
_OF_NO_USE: Final = "cannot be used as a reference"


def take_reference(examination: Examination, way: Way) -> None:
    """Let the examination be measured against the upgraded base. Raises FarmError."""
    note_archive_state(examination)
    wanted = (*examination.available_history, *way.current_states())
    setting = _setting(examination, way)
    meta = _given(examination, setting, wanted) or _cached(examination, way, setting, wanted)
    if meta is None:
        meta = _make(examination, way, setting)
        with suppress(FarmError):  # a cache that cannot be written costs time, no more
            write_end_meta(_place(examination, way, setting, meta.history), meta)
    else:
        examination.log.info("The upgraded base is known: not upgrading it again without the packages")
    if examination.options.tests.save_end_meta is not None:
        write_end_meta(examination.options.tests.save_end_meta, meta)
    examination.reference = meta.reference(examination.chroot.base.tree)


def _setting(examination: Examination, way: Way) -> str:
    """Identifies everything beside base and archives that decides what the upgraded base looks like."""
    root = replace(
        examination.options.root, tarball=None, directory=None, schroot=None, save=None, proxy=None, bind_mounts=()
    )
    return hashlib.sha256(repr((way.suites, root, examination.options.tests.scripts)).encode()).hexdigest()[:32]


def _given(examination: Examination, setting: str, history: tuple[str, ...]) -> EndMeta | None:
    """What --end-meta has, if it is of use."""
    path = examination.options.tests.end_meta
    if path is None:
        return None
    log = examination.log
    try:
        meta = read_end_meta(path)
    except NotEndMeta as reason:
        log.warning(f"{path} {_OF_NO_USE}: {reason}. Remove it, and write one with --save-end-meta")
        return None
    if meta is None:
        log.info(f"There is no {path}: finding out what the upgraded base looks like")
        return None
    if meta.base_id != examination.chroot.base.base_id:
        _tell_selections(examination, meta, path)
    elif meta.setting != setting:
        log.warning(f"{path} {_OF_NO_USE}: it was made with other suites, options or scripts")
    elif meta.history != history:
        log.warning(OUTDATED)
    else:
        return meta
    return None


def _tell_selections(examination: Examination, meta: EndMeta, path: Path) -> None:
    """Why a reference of another base is not used."""
    differences = list(_differences(meta, examination))
    if not differences:
        examination.log.warning(f"{path} {_OF_NO_USE}: it was made from another base image")
        return
    examination.log.warning(_OTHER_SELECTIONS)
    for line in differences:
        examination.log.debug(line)


def _differences(meta: EndMeta, examination: Examination) -> Iterator[str]:
    before, now = meta.selections, examination.chroot.base.packages
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            yield f"{name}: {before.get(name, 'not there')} then, {now.get(name, 'not there')} now"


def _place(examination: Examination, way: Way, setting: str, history: tuple[str, ...]) -> Path:
    key = (examination.chroot.base.base_id, setting, history)
    return way.cache / f"{hashlib.sha256(repr(key).encode()).hexdigest()[:32]}.json.zst"


def _cached(examination: Examination, way: Way, setting: str, history: tuple[str, ...]) -> EndMeta | None:
    path = _place(examination, way, setting, history)
    try:
        meta = read_end_meta(path)
    except (NotEndMeta, FarmError):  # it is made again, and replaced
        return None
    if meta is not None:
        with suppress(OSError):
            os.utime(path)  # for housekeeping
    return meta


def _make(examination: Examination, way: Way, setting: str) -> EndMeta:
    """Look at the base that was upgraded for all tests, else upgrade it in a root of its own."""
    examination.log.info("Finding out what the base looks like when it is upgraded without the packages")
    base = examination.chroot.base
    try:
        if way.open_upgraded is not None:
            other = Examination(way.open_upgraded(), Group(()), examination.options, examination.log)
            run_checks(other, Moment.QUIET)
            changes = examination.tree().base().differences(other.tree())
            history = (*examination.available_history, *way.current_states())
            state = replace(other.present_state(), tree=Tree(base.tree, changes), available_history=history)
            return EndMeta.of(state, other.chroot, base, setting=setting)
        with way.another_root() as other:
            note_archive_state(other)
            for suite in way.later:
                upgrade_to(other, suite, upgrade_first=False)
            run_checks(other, Moment.QUIET)
            return EndMeta.of(other.present_state(), other.chroot, base, setting=setting)
    except TestEnded as error:
        names = ", ".join(suite.name for suite in way.later)
        hint = "look at the log: no package under test was there yet"
        raise FarmError(f"the base cannot be upgraded to {names}", hint=hint, kind=TroubleKind.CHROOT) from error
