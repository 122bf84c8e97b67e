"""`piufarm master refresh`: fetch the archive's indexes and find out what is to be tested."""

from __future__ import annotations

import argparse
import fcntl
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from piufarm.archive.cache import IndexCache
from piufarm.archive.fetch import Fetcher
from piufarm.config.command import add_config_option
from piufarm.config.distros import load_distros
from piufarm.config.load import load
from piufarm.config.model import Configuration, Section
from piufarm.errors import FarmError
from piufarm.master.evaluator import evaluate_alone
from piufarm.master.layout import SectionFiles, index_cache, section_files
from piufarm.master.refresh import Refreshed, Refresher
from piufarm.master.selection import add_sections_argument, select_sections
from piufarm.states import PackageState
from piufarm.store import open_store
from piufarm.store.model import Store


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
    store = open_store(configuration.farm.state)
    cache = IndexCache(index_cache(configuration.farm.master_directory), Fetcher(proxy=configuration.farm.proxy))
    distros = load_distros(config=configuration.path)
    failed = 0
    try:
        for section in select_sections(configuration, arguments.sections):
            refresher = Refresher(
                store, distros, cache, tell=_teller(section), accept_shrink=arguments.accept_shrink
            )
            try:
                _refresh(configuration, section, refresher)
            except FarmError as error:
                failed += 1
                _complain(section, error.message, error.hint)
            except OSError as error:
                failed += 1
                _complain(section, f"{error.filename}: {error.strerror}", "make room or mend the folder")
    finally:
        store.close()
    return FarmError.exit_status if failed else 0


def _complain(section: Section, text: str, hint: str | None) -> None:
    print(f"{section.name}: not refreshed: {text}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


def _teller(section: Section) -> Callable[[str], None]:
    return lambda text: print(f"{section.name}: {text}", flush=True)


def _refresh(configuration: Configuration, section: Section, refresher: Refresher) -> None:
    began = time.monotonic()
    files = section_files(configuration.farm.master_directory, section.name)
    with _sole_refresh(files, refresher.tell):
        refreshed = refresher.refresh(section, files)
    evaluate_alone(refresher.store, section.name, files.root)
    refresher.tell(_summary(refreshed))
    refresher.tell(f"{_situation(refresher.store, section)} ({time.monotonic() - began:.1f} s)")


@contextmanager
def _sole_refresh(files: SectionFiles, tell: Callable[[str], None]) -> Iterator[None]:
    """Refresh a section after anybody else who is at it: of two at once one would have worked in vain."""
    files.root.mkdir(parents=True, exist_ok=True)
    with (files.root / "refresh.lock").open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            tell("waiting for another refresh of this section")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


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
