"""Taking over what others have recorded: the part of the store's interface that an import needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Protocol

from piufarm.names import SectionName

if TYPE_CHECKING:
    from piufarm.store.model import Reservation, Run


class Takeovers(Protocol):
    """Entering results, reservations and counts as they are. Raises piufarm.store.StoreError."""

    def enter_runs(
        self, section: SectionName, runs: Iterable[Run], problems: Mapping[str, Iterable[str]]
    ) -> Sequence[Run]:
        """Enter runs that the store does not know yet, durably; returns those, as they were entered.

        It knows a run by its id, or by the outcome and the very log of a version. A current one takes the place of an
        older current one of its version, and is superseded by a newer one. States follow with the next evaluation,
        which is due from now on. `problems` are the names of the known problems in the logs, by run id.
        """
        ...

    def enter_reservations(self, section: SectionName, reservations: Iterable[Reservation]) -> int:
        """Enter reservations without an owner, unless somebody holds the package or a result came in since.

        Returns how many were entered.
        """
        ...

    def enter_daily_counts(self, section: SectionName, days: Iterable[tuple[date, Mapping[str, int]]]) -> int:
        """Enter the counts of days that have none; returns of how many."""
        ...

    def problems(self, run_id: str) -> Sequence[str]:
        """The known problems in the log of a run, by name."""
        ...
