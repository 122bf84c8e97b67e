"""One section, served to one session: who answers which request, and what is loaded by it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master.layout import SectionFiles
from piufarm.master.session.evaluation import Evaluation
from piufarm.master.session.handing_out import HandingOut
from piufarm.master.session.questions import Query, Questions
from piufarm.master.session.surroundings import Surroundings
from piufarm.master.session.taking_in import TakingIn
from piufarm.protocol.messages import (
    Error,
    Idle,
    Lease,
    QueryDepcycle,
    QueryDepends,
    QueryList,
    QueryRecursiveDepends,
    QueryState,
    Recycle,
    Renew,
    Reply,
    Reserve,
    Result,
    Status,
    Trouble,
    Unreserve,
    Why,
)

Question = Recycle | Idle | Reserve | Lease | Renew | Unreserve | Status | Why | Query


class SectionDesk:
    """Answers requests about one section."""

    def __init__(self, section: Section, files: SectionFiles, around: Surroundings) -> None:
        self._around = around
        self._evaluation = Evaluation(section, files, around)
        self._handing_out = HandingOut(section, files, around, self._evaluation)
        self._taking_in = TakingIn(section, files, around)
        self._questions = Questions(section, around)
        self._has_looked = False  # at the packages: too late then to ask for retests

    def greet(self) -> None:
        """A contact of its owner keeps what a slave has reserved."""
        self._handing_out.greet()

    def answer(self, question: Question) -> Reply:
        """The reply to anything that no log follows. Raises StoreError."""
        self.catch_up()
        match question:
            case Recycle():
                too_late = self._has_looked and not self._handing_out.retest
                return Error() if too_late else self._handing_out.start_retests()
            case Idle():
                return self._handing_out.idle()
            case Unreserve(package, version):
                return self._handing_out.take_back(package, version)
            case Renew():
                return self._handing_out.renew()
            case _:
                self._has_looked = True
                return self._answer_from_packages(question)

    def _answer_from_packages(self, question: Reserve | Lease | Status | Why | Query) -> Reply:
        match question:
            case Reserve():
                return self._handing_out.reserve()
            case Lease(count):
                return self._handing_out.lease(count)
            case Status():
                return self._questions.status(retest=self._handing_out.retest)
            case Why(package):
                return self._questions.why(package, self._around.machine.clock())
            case QueryState() | QueryDepends() | QueryRecursiveDepends() | QueryDepcycle() | QueryList():
                return self._questions.look_up(question, retest=self._handing_out.retest)
            case _:
                assert_never(question)

    def take(self, head: Result | Trouble, chunks: Iterable[bytes]) -> Reply:
        """Take in what a log follows; the reply is due when this returns. Raises LogNotStored, StoreError."""
        match head:
            case Result():
                return self._taking_in.take_result(head, chunks)
            case Trouble():
                return self._taking_in.take_trouble(head, chunks)
            case _:
                assert_never(head)

    def catch_up(self) -> None:
        """Look at what follows from what came in, as far as that was put off."""
        self._taking_in.catch_up()

    def leave(self) -> None:
        """Have the consequences of what came in worked out."""
        self.catch_up()
        try:
            if self._evaluation.is_due:
                self._evaluation.start()
        except FarmError as error:
            self._around.warn(error.message)  # all that was promised is done: no reason to end badly
