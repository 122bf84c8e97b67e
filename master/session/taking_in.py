"""Taking in what slaves send: results, and evidence of trouble."""

from __future__ import annotations

from collections.abc import Iterable

from piufarm.config.model import Section
from piufarm.errors import FarmError
from piufarm.master.layout import SectionFiles
from piufarm.master.results.classic import show
from piufarm.master.results.consequences import follow_up
from piufarm.master.results.intake import Delivery, TroubleDelivery, take_in, take_trouble_in
from piufarm.master.session.surroundings import Surroundings
from piufarm.outcome import Outcome
from piufarm.protocol.messages import Ok, Reply, Result, Trouble
from piufarm.store.model import Run, Standing


class TakingIn:
    """From one slave, for one section. The reply is due when a method returns. Raises LogNotStored, StoreError."""

    def __init__(self, section: Section, files: SectionFiles, around: Surroundings) -> None:
        self._section = section
        self._files = files
        self._around = around
        self._to_follow_up: list[Run] = []

    def take_result(self, head: Result, chunks: Iterable[bytes]) -> Reply:
        """A result; what it means is for the store to say, the answer is `ok`."""
        now = self._around.machine.clock()
        delivery = Delivery(head.outcome, head.package, head.version, self._around.slave, now)
        recorded = take_in(
            delivery, chunks, store=self._around.store, section=self._section.name, files=self._files
        )
        try:
            show(recorded, self._files)
        except OSError as error:
            # the result is safe; only the view of it lags behind
            self._around.warn(f"{error.filename}: {error.strerror} (`piufarm master fsck --repair` catches up)")
        if recorded.run.standing is Standing.CURRENT:
            self._to_follow_up.append(recorded.run)
        # when results come in faster than the machine can follow, they go first, until the slave pauses or asks
        if len(self._to_follow_up) == 1 and not self._around.machine.is_overloaded():
            self.catch_up()
        return Ok()

    def catch_up(self) -> None:
        """Let the states of what depends directly on them take account of results."""
        results, self._to_follow_up = self._to_follow_up, []
        try:
            for run in results:
                follow_up(self._around.store, self._section.name, run.package, passed=run.outcome is Outcome.PASS)
        except FarmError as error:
            self._around.warn(error.message)  # the results are safe, and the evaluation that is due finds the same

    def take_trouble(self, head: Trouble, chunks: Iterable[bytes]) -> Reply:
        """Evidence of a test that said nothing about its package, which is given back."""
        now = self._around.machine.clock()
        delivery = TroubleDelivery(head.kind, head.package, head.version, self._around.slave, now)
        recorded = take_trouble_in(
            delivery,
            chunks,
            store=self._around.store,
            section=self._section.name,
            files=self._files,
            max_retries=self._section.max_retries,
        )
        self._around.note_trouble(recorded)
        return Ok()
