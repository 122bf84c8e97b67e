"""The dependency questions of the protocol, answered from the store without loading a whole section."""

from __future__ import annotations

from collections.abc import Sequence

from piufarm.names import Package, SectionName
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
        """Direct dependencies; those of a virtual package are its first provider."""
        direct = self.direct(package)
        if not direct and package in self._providers:
            return self._providers[package][:1]
        return direct
