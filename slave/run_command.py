"""`piufarm slave run`: the program of a worker host."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from rich.console import Console

from piufarm.archive.cache import IndexCache
from piufarm.archive.fetch import Fetcher
from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.errors import ConfigError, UsageError
from piufarm.names import InvalidName, SectionName
from piufarm.run import become
from piufarm.slave.bases.prepare import default_cache
from piufarm.slave.display import Display
from piufarm.slave.events import Event, JsonLines, Phase, Tell
from piufarm.slave.interrupts import Interrupts
from piufarm.slave.link.connection import Wire
from piufarm.slave.link.dialects import DIRECTORY_NAME, Dialects
from piufarm.slave.link.known_hosts import FILE_NAME
from piufarm.slave.link.masters import Masters
from piufarm.slave.link.route import Target
from piufarm.slave.link.ssh import open_wire
from piufarm.slave.loop import Loop, Until
from piufarm.slave.section import SectionWorker
from piufarm.slave.workplace import Workplace

_GLOBAL: Final = SectionName("global")
_DEFAULT_SECTION: Final = SectionName("slave")  # when [global] names no sections
_EPILOG: Final = """\
Signals: INT finishes the running test, sends what is finished and gives the rest back; INT twice (or TERM) ends at
once, what is not done stays reserved for the next start; HUP sends what is finished; USR1 does so, too, and then starts
the slave anew with the same arguments, after an upgrade for instance. What is finished is never lost: it waits in
<slave-directory>/<number>/<section>/ until the master has confirmed it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = _EPILOG
    parser.add_argument("sections", nargs="*", metavar="SECTION", help="work for these only (default: all configured)")
    parser.add_argument("--number", type=_positive, default=1, metavar="N", help="which slave of the host (default: 1)")
    end = parser.add_mutually_exclusive_group()
    end.add_argument("--once", action="store_true", help="one round: send, reserve, test, send; then end")
    end.add_argument("--until-idle", action="store_true", help="end when a round has nothing to test")
    parser.add_argument("--json-events", type=Path, metavar="FILE", help="append what happens to FILE, as JSON lines")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 0 when it ended by itself and all went well, 1 after an interrupt or trouble, 2 for usage."""
    configuration = load(arguments.config)
    names = choose_sections(configuration, arguments.sections)
    directory = configuration.farm.slave_directory / str(arguments.number)
    directory.mkdir(parents=True, exist_ok=True)
    with ExitStack() as cleanup:
        tell = _listeners(arguments, cleanup)
        interrupts = Interrupts()
        cleanup.enter_context(interrupts.installed())
        place = _workplace(configuration, directory, interrupts, tell)
        cleanup.callback(place.masters.close)
        settings = Settings(configuration, tell)
        workers = [SectionWorker(name, settings, place) for name in names]
        for warning in (*configuration.warnings, *_left_out(arguments.sections, names)):
            tell(Event(Phase.NOTE, text=warning))
        tell(Event(Phase.STARTED, text=f"slave {arguments.number} works for {', '.join(names)}"))
        until = Until.ONE_ROUND if arguments.once else Until.IDLE if arguments.until_idle else Until.FOREVER
        try:
            status = Loop(workers, place, _longest_sleep(configuration)).run(until)
        except KeyboardInterrupt:
            status = 1
        if not interrupts.restart_requested:
            tell(Event(Phase.ENDED, text="the slave ends"))
            return status
        tell(Event(Phase.ENDED, text="the slave starts itself anew"))
    return become([sys.executable, *sys.orig_argv[1:]])


def choose_sections(configuration: Configuration, words: Sequence[str]) -> list[SectionName]:
    """The sections to work for, each once. Raises UsageError if none of those asked for is configured."""
    farm = configuration.farm
    wanted: Sequence[str] = words or (*(farm.sections or (_DEFAULT_SECTION,)), *farm.basetgz_sections)
    names = [name for name in map(_section_name, dict.fromkeys(wanted)) if name in configuration.sections]
    if not names:
        raise UsageError(
            f"none of the sections is configured: {' '.join(wanted)}",
            hint=f"{configuration.path} has: {' '.join(configuration.sections)}",
        )
    return [name for name in names if name is not None]


def _left_out(words: Sequence[str], names: Sequence[SectionName]) -> list[str]:
    return [f"there is no section [{word}]; it is left out" for word in words if word not in names]


class Settings:
    """The configuration, read again at each turn of a section; while the file is broken the last good one counts."""

    def __init__(self, configuration: Configuration, tell: Tell) -> None:
        self._last = configuration
        self._tell = tell
        self._complaint = ""

    def __call__(self) -> Configuration:
        try:
            self._last = load(self._last.path)
            self._complaint = ""
        except ConfigError as error:
            if error.message != self._complaint:
                self._complaint = error.message
                self._tell(Event(Phase.NOTE, text=f"{error.message}; going on with the configuration as it was"))
        return self._last


def _listeners(arguments: argparse.Namespace, cleanup: ExitStack) -> Tell:
    display = cleanup.enter_context(Display(Console(highlight=False)))
    listeners: list[Callable[[Event], None]] = [display.tell]
    if arguments.json_events is not None:
        events = JsonLines(arguments.json_events, slave=arguments.number, complain=display.tell)
        listeners.append(cleanup.enter_context(events).tell)

    def tell(event: Event) -> None:
        for listener in listeners:
            listener(event)

    return tell


def _workplace(configuration: Configuration, directory: Path, interrupts: Interrupts, tell: Tell) -> Workplace:
    known_hosts = configuration.farm.slave_directory / FILE_NAME

    def connect(target: Target) -> Wire:
        return open_wire(target, known_hosts)

    indexes = IndexCache(default_cache() / "indexes", Fetcher(proxy=configuration.farm.proxy))
    dialects = Dialects(configuration.farm.slave_directory / DIRECTORY_NAME)
    masters = Masters(connect, dialects, lambda text: tell(Event(Phase.NOTE, text=text)), clock=time.monotonic)
    return Workplace(directory, masters, interrupts, tell, indexes)


def _longest_sleep(configuration: Configuration) -> float:
    section = configuration.sections.get(_GLOBAL)
    return float(section.idle_sleep if section else 300)


def _section_name(word: str) -> SectionName | None:
    try:
        return SectionName(word)
    except InvalidName:
        return None


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
