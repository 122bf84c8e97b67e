"""A session from greeting to goodbye: which section is selected, whose turn it is, what is written down about it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from piufarm.config.model import Configuration
from piufarm.errors import FarmError
from piufarm.faults import fault_point
from piufarm.master.farm_store import open_farm_store
from piufarm.master.layout import section_files
from piufarm.master.session.channel import Messenger
from piufarm.master.session.desk import SectionDesk
from piufarm.master.session.journal import Journal
from piufarm.master.session.machine import REAL_MACHINE, Machine
from piufarm.master.session.surroundings import Surroundings
from piufarm.names import SectionName
from piufarm.protocol import NO_FEATURES, Feature, features_reply
from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    EndOfSession,
    Error,
    Features,
    Hello,
    Ok,
    Reply,
    Request,
    Result,
    SelectSection,
    Trouble,
)
from piufarm.protocol.wire import format_reply, format_request
from piufarm.store import StoreError

_ANONYMOUS: Final = "anonymous"


@dataclass(frozen=True)
class Visitor:
    """Who is at the other end, as the forced command says, never the client itself."""

    slave: str | None
    sections: Sequence[str] = ()  # globs of the sections that it may select; empty: all

    def may_select(self, section: SectionName) -> bool:
        """Whether the section exists as far as this slave is concerned."""
        return not self.sections or any(fnmatchcase(section, glob) for glob in self.sections)


def offered_to(visitor: Visitor) -> frozenset[Feature]:
    """What a slave may ask beyond the plain protocol; a lease needs somebody who renews it."""
    return frozenset(Feature) - (NO_FEATURES if visitor.slave is not None else {Feature.LEASE})


class Session:
    """Serves one slave until it says goodbye."""

    def __init__(
        self,
        configuration: Configuration,
        visitor: Visitor,
        channel: Messenger,
        *,
        warn: Callable[[str], None],
        machine: Machine = REAL_MACHINE,
        offered: frozenset[Feature] = NO_FEATURES,
    ) -> None:
        """`warn` takes one line for the administrator; `offered` is what slaves may ask beyond the plain protocol."""
        self._configuration = configuration
        self._visitor = visitor
        self._channel = channel
        self._warn = warn
        self._machine = machine
        self._offered = offered
        self._around: Surroundings | None = None
        self._desk: SectionDesk | None = None
        self._journal: Journal | None = None

    def run(self) -> None:
        """Speak until the end of the session. Raises FarmError with the reason if that is not a good one."""
        try:
            self._channel.send(Hello())
            while not isinstance(request := self._channel.receive(self._rest), EndOfSession):
                assert not isinstance(request, BodyChunk | BodyEnd)
                reply = self._answer(request)
                self._write_down(request, reply)
                fault_point("session.reply-due")
                self._channel.send(reply)
                fault_point("session.replied")
        except FarmError as error:
            self._note(f"session ended: {error.message}")
            if isinstance(error, StoreError):
                self._desk = None  # what it would do at the end, it would do with the store
            raise
        finally:
            self._leave_section()
            if self._around is not None:
                self._around.store.close()

    def _rest(self) -> None:
        """The slave takes its time: do what was put off, and hold no connection of the database meanwhile."""
        if self._desk is not None:
            self._desk.catch_up()
        if self._around is not None:
            self._around.store.release()

    def _answer(self, request: Request) -> Reply:
        match request:
            case SelectSection():
                return self._select(request.name)
            case Result() | Trouble():
                return self._chosen_desk.take(request, self._body())
            case Features():
                return features_reply(self._offered)
            case _:
                return self._chosen_desk.answer(request)

    @property
    def _chosen_desk(self) -> SectionDesk:
        assert self._desk is not None  # the protocol allows nothing else before a section is selected
        return self._desk

    def _select(self, name: SectionName | None) -> Reply:
        self._leave_section()
        if name is None or name not in self._configuration.sections or not self._visitor.may_select(name):
            return Error()
        files = section_files(self._configuration.farm.master_directory, name)
        if _is_under_maintenance(files.root):
            return Busy()
        section = self._configuration.sections[name]
        self._open_journal(self._configuration.farm.master_directory / section.log_file)
        self._around = self._around or self._surroundings()
        self._desk = SectionDesk(section, files, self._around)
        self._desk.greet()
        self._note("connected")
        return Ok()

    def _surroundings(self) -> Surroundings:
        farm = self._configuration.farm
        return Surroundings(
            store=open_farm_store(self._configuration),
            slave=self._visitor.slave,
            config=self._configuration.path,
            errors=farm.master_directory / farm.log_file,
            warn=self._warn,
            note=self._note,
            machine=self._machine,
        )

    def _leave_section(self) -> None:
        if self._desk is not None:
            self._desk.leave()
            self._note("disconnected")
        self._desk = None
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _body(self) -> Iterator[bytes]:
        """The log that follows; a protocol error in it comes out of here."""
        while isinstance(event := self._channel.receive(self._rest), BodyChunk):
            yield event.data
        assert isinstance(event, BodyEnd)

    def _open_journal(self, path: Path) -> None:
        who = f"{self._visitor.slave or _ANONYMOUS}/{os.getpid()}"
        with self._tolerating_a_broken_journal():
            self._journal = Journal(path, who)

    def _write_down(self, request: Request, reply: Reply) -> None:
        lines = [f">> {format_request(request).decode().rstrip()}", f"<< {format_reply(reply).decode().rstrip()}"]
        self._note(*lines)

    def _note(self, *texts: str) -> None:
        if self._journal is not None:
            with self._tolerating_a_broken_journal():
                self._journal.write(self._machine.clock(), *texts)

    @contextmanager
    def _tolerating_a_broken_journal(self) -> Iterator[None]:
        """No result is refused because a line about it cannot be written; the session goes on without its journal."""
        try:
            yield
        except OSError as error:
            self._journal = None
            self._warn(f"{error.filename or 'master.log'}: {error.strerror}")


def _is_under_maintenance(directory: Path) -> bool:
    """Whether a program has locked the section to have it for itself, by the lock that piuparts 1.1.7 uses, too."""
    try:
        descriptor = os.open(directory / "master.lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
