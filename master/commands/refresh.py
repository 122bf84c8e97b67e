"""`piufarm master refresh`: fetch the archive's indexes and find out what is to be tested."""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from piufarm.archive.cache import IndexCache
from piufarm.archive.fetch import Fetcher
from piufarm.config.command import add_config_option
from piufarm.config.distros import load_distros
from piufarm.config.load import load
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError
from piufarm.master.commands.selection import add_sections_argument, select_sections
from piufarm.master.evaluator import evaluate_alone
from piufarm.master.farm_store import open_farm_store
from piufarm.master.layout import index_cache, section_files
from piufarm.master.refresh.refresher import Refreshed, Refresher
from piufarm.master.refresh.section_order import in_order, looked_into, lookers
from piufarm.states import PackageState
from piufarm.store.model import Store

_POLL_SECONDS: Final = 0.2
_NICENESS: Final = 19  # as evaluations: slaves that wait for answers go first


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_sections_argument(parser)
    parser.add_argument(
        "--accept-shrink", action="store_true", help="believe an archive that lost more packages than max-shrink allows"
    )
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Refresh the sections one after the other; 3 if one of them could not be."""
    configuration = load(arguments.config)
    store = open_farm_store(configuration)
    os.nice(_NICENESS)
    gc.disable()  # hundreds of thousands of tuples live until the end, and refer to nothing in circles
    try:
        work = _Work(configuration, store, accept_shrink=arguments.accept_shrink)
        failed = work.refresh(select_sections(configuration, arguments.sections))
    finally:
        store.close()
    return FarmError.exit_status if failed else 0


class _Work:
    """Refreshing sections, those first in which others look names up, then evaluating what follows from it."""

    def __init__(self, configuration: Configuration, store: Store, *, accept_shrink: bool) -> None:
        farm = configuration.farm
        self.configuration = configuration
        self.store = store
        self.accept_shrink = accept_shrink
        self.distros = load_distros(config=configuration.path)
        self.cache = IndexCache(index_cache(farm.master_directory), Fetcher(proxy=farm.proxy))

    def refresh(self, chosen: Sequence[Section]) -> int:
        """How many sections could not be refreshed."""
        sections = self.configuration.sections
        names = [section.name for section in chosen]
        failed = 0
        for name in in_order(sections, names):
            try:
                self._refresh(sections[name])
            except FarmError as error:
                failed += 1
                _complain(sections[name], error.message, error.hint)
            except OSError as error:
                failed += 1
                _complain(sections[name], f"{error.filename}: {error.strerror}", "make room or mend the folder")
        for name in lookers(sections, names):
            if self.store.evaluation_due(name):
                evaluate_alone(self.store, name)
        return failed

    def _refresh(self, section: Section) -> None:
        began = time.monotonic()
        files = section_files(self.configuration.farm.master_directory, section.name)
        sections = self.configuration.sections
        tell = _teller(section)
        refresher = Refresher(self.store, self.distros, self.cache, tell, self.accept_shrink)
        files.root.mkdir(parents=True, exist_ok=True)
        with _sole_refresh(self.store, section, tell):
            refreshed = refresher.refresh(
                section,
                files,
                looks_into=looked_into(sections, section.name),
                is_looked_into=bool(lookers(sections, [section.name])),
            )
        if self.store.evaluation_due(section.name):
            evaluate_alone(self.store, section.name)
        tell(_summary(refreshed))
        tell(f"{_situation(self.store, section)} ({time.monotonic() - began:.1f} s)")


def _complain(section: Section, text: str, hint: str | None) -> None:
    print(f"{section.name}: not refreshed: {text}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


def _teller(section: Section) -> Callable[[str], None]:
    return lambda text: print(f"{section.name}: {text}", flush=True)


@contextmanager
def _sole_refresh(store: Store, section: Section, tell: Callable[[str], None]) -> Iterator[None]:
    """Refresh a section after anybody else who is at it: of two at once one would have worked in vain."""
    told = False
    while True:
        with store.exclusive(f"refresh {section.name}") as alone:
            if alone:
                yield
                return
        if not told:
            tell("waiting for another refresh of this section")
        told = True
        time.sleep(_POLL_SECONDS)


def _summary(refreshed: Refreshed) -> str:
    if refreshed.unchanged:
        text = f"unchanged, {refreshed.packages} packages"
    else:
        text = (
            f"{refreshed.packages} packages: {refreshed.new} new, {refreshed.updated} with a new version,"
            f" {refreshed.gone} gone"
        )
    return f"{text}; {refreshed.retired} results retired" if refreshed.retired else text


def _situation(store: Store, section: Section) -> str:
    counts = store.counts(section.name)
    return ", ".join(f"{counts[state]} {state}" for state in PackageState if counts[state]) or "nothing to test"
