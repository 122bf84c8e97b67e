"""How long slaves go without work, and packages without a slave: both have bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from bench.simulator.ledger import Job, Violation
from bench.simulator.office import SECTION
from bench.simulator.world import World
from piufarm.store.attempts import ACTIVE_SECONDS
from piufarm.store.model import Store

# What a slave had trouble with is kept for others for so long; then it has to ask again, perhaps more than once.
SLAVE_SECONDS: Final = ACTIVE_SECONDS + 1200.0
# A slave that has lost a package says so by asking for others, after its last batch; then the package has to lapse.
PACKAGE_SECONDS: Final = 6 * 3600.0


@dataclass
class Patience:
    """Looks at the store whenever somebody gets nothing, and now and then at what is held."""

    world: World
    store: Store
    events: Counter[str]
    longest_wait: float = 0.0  # of a slave that asked and got nothing although there was something free all the time
    _waiting_since: dict[str, float] = field(default_factory=dict)
    _unknown_since: dict[tuple[str | None, Job], float] = field(default_factory=dict)

    def in_vain(self, slave: str) -> None:
        """The slave was told that there is nothing. Raises Violation if that has been wrong for too long."""
        self.events["asked in vain"] += 1
        if not self._is_anything_free() or self._is_drained(slave):
            self._waiting_since.pop(slave, None)
            return
        self.events["asked in vain while a package was free"] += 1
        wait = self.world.seconds - self._waiting_since.setdefault(slave, self.world.seconds)
        self.longest_wait = max(self.longest_wait, wait)
        if wait > SLAVE_SECONDS:
            raise Violation(f"{slave} asks for {wait:.0f} s and gets nothing although there is work")

    def satisfied(self, slave: str) -> None:
        """The slave has got something."""
        self._waiting_since.pop(slave, None)

    def _is_anything_free(self) -> bool:
        return self.store.has_candidate(SECTION, owner=None, now=self.world.now())

    def _is_drained(self, slave: str) -> bool:
        return any(row.name == slave and row.drained_at is not None for row in self.store.slaves())

    def look_at_what_is_held(self, known: Mapping[str, Iterable[Job]]) -> None:
        """Compare the store with what each slave knows that it has. Raises Violation if they differ for too long."""
        now = self.world.seconds
        theirs = {(slave, job) for slave, jobs in known.items() for job in jobs}
        held = {(one.owner, (one.package, one.version)) for one in self.store.reservations(SECTION)}
        unknown = held - theirs
        self._unknown_since = {what: self._unknown_since.get(what, now) for what in unknown}
        for (slave, job), since in self._unknown_since.items():
            if now - since > PACKAGE_SECONDS:
                raise Violation(f"{job} is held by {slave}, which has not known of it for {now - since:.0f} s")
