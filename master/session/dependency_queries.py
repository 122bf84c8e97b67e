"""The dependency questions of the protocol, answered from the store without loading a whole section."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.master.states.rules import preference
from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from piufarm.store.model import Store


class Dependencies:
    """What packages of a section depend on, of alternatives the chosen ones; looked up once each."""

    def __init__(self, store: Store, section: SectionName) -> None:
        self._store = store
        self._section = section
        self._providers = store.providers(section)
        self._direct: dict[Package, Sequence[Package]] = {}

    def direct(self, package: Package) -> Sequence[Package]:
        """In the order of the fields, Depends before Pre-Depends."""
        if package not in self._direct:
            clauses = self._store.dependencies(self._section, package)
            chosen = [clause.chosen or clause.alternatives[0].name for clause in clauses]
            self._direct[package] = list(dict.fromkeys(chosen))
        return self._direct[package]

    def closure(self, package: Package) -> Sequence[Package]:
        """Everything that it needs, breadth first; itself only if it is in a cycle."""
        found: dict[Package, None] = {}
        queue = [package]
        for here in queue:
            for needed in self._followed(here):
                if needed not in found:
                    found[needed] = None
                    queue.append(needed)
        return list(found)

    def cycle(self, package: Package) -> Sequence[Package]:
        """Those that it needs and that need it, itself included; empty if there are none."""
        users: dict[Package, list[Package]] = {}
        for needed in (closure := self.closure(package)):
            for further in self._followed(needed):
                users.setdefault(further, []).append(needed)
        back = {package}
        queue = [package]
        for here in queue:
            for user in users.get(here, ()):
                if user not in back:
                    back.add(user)
                    queue.append(user)
        return [needed for needed in closure if needed in back]

    def _followed(self, package: Package) -> Sequence[Package]:
        """Direct dependencies; that of a virtual package is one of its providers."""
        direct = self.direct(package)
        if direct or package not in self._providers or self._state(package) is not None:
            return direct
        return [min(self._providers[package], key=lambda provider: preference(self._state(provider)))]

    def _state(self, package: Package) -> PackageState | None:
        row = self._store.package(self._section, package)
        return row.state if row is not None else None
