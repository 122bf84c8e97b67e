"""`piufarm master move-state`: carry the store to another database."""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.errors import UsageError
from piufarm.files import make_directory
from piufarm.master.layout import section_files
from piufarm.store import StoreError, open_database
from piufarm.store.moving import Places, move
from piufarm.store_url import without_password


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.epilog = (
        "Everything is carried over and compared; then the old store is closed for good. Slaves that come meanwhile are"
        " told that the section is busy. If anything ends it early, run it again."
    )
    parser.add_argument(
        "url",
        metavar="URL",
        help="where to, as the key `state` has it: sqlite:///… (no such file yet) or postgresql://… (a new database)",
    )
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Move it, and say what to write into the configuration."""
    configuration = load(arguments.config)
    old, new = configuration.farm.state, str(arguments.url)
    places = Places(without_password(old), without_password(new))
    if old == new:
        raise UsageError(f"the store is at {places.source} already", hint="name another URL")
    with ExitStack() as stack:
        source = stack.enter_context(closing(open_database(old, create=False, any_version=True)))
        stack.enter_context(_sections_closed(configuration))
        target = stack.enter_context(closing(open_database(new, create=True, any_version=True)))
        carried = move(source, target, places, stack.enter_context(_progress()))
    for name, contents in carried.items():
        print(f"{name + ':':<16}{contents.rows:>10,} rows")
    print(
        f"Everything has arrived. Write this into [global] of {configuration.path}:\n"
        f"  state = {places.target.replace('%', '%%')}\n"
        f"Until then no command of the master works: {places.source} is closed. Remove it when the farm runs again."
    )
    return 0


@contextmanager
def _sections_closed(configuration: Configuration) -> Iterator[None]:
    """Hold the locks by which sessions know that somebody wants a section for himself."""
    with ExitStack() as stack:
        for name in configuration.sections:
            folder = section_files(configuration.farm.master_directory, name).root
            stack.enter_context(_closed(folder))
        yield


@contextmanager
def _closed(folder: Path) -> Iterator[None]:
    try:
        make_directory(folder)
        descriptor = os.open(folder / "master.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise StoreError(f"{error.filename}: {error.strerror}", hint="run this as the master's account") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StoreError(f"{folder} is under maintenance", hint="see who holds its master.lock") from None
    finally:
        os.close(descriptor)


@contextmanager
def _progress() -> Iterator[Callable[[str, int], None]]:
    """A line for a person at a terminal that tells how far it is."""
    if not sys.stderr.isatty():
        yield lambda table, rows: None
        return
    try:
        yield lambda table, rows: print(f"\r\033[K{table}: {rows:,} rows", end="", file=sys.stderr, flush=True)
    finally:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
