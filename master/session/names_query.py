"""`_state`: what a name stands for when a package depends on it, which need not be a package of the section."""

from __future__ import annotations

from typing import Final, NamedTuple

from piufarm.master.states.rules import is_excused
from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from piufarm.store.model import Store

NO_VERSION: Final = "-"  # no version of a package begins so
_FOREIGN_SUFFIX: Final = "-i386"


class NameState(NamedTuple):
    """The state in which a name is for those who depend on it, and the version that is tested."""

    state: str
    version: str = NO_VERSION


def state_of_name(store: Store, section: SectionName, name: Package) -> NameState:
    """The section's own package, or its first provider, or those of the sections that it looks into.

    A package that is outdated here is what the first section says that has it and is up to date.
    """
    others = store.looked_into(section)
    own = _in_section(store, section, name)
    found = [own, *(_in_section(store, other, name) for other in others)]
    known = [one for one in found if one is not None]
    for one in known:
        if one.state != PackageState.OUTDATED:
            return one
    return known[0] if known else NameState(_without_package(name))


def _in_section(store: Store, section: SectionName, name: Package) -> NameState | None:
    row = store.package(section, name)
    if row is None:
        providers = store.providers(section).get(name, ())
        row = store.package(section, providers[0]) if providers else None
        return None if row is None else NameState(row.state)
    return NameState(row.state, row.test_version)


def _without_package(name: Package) -> str:
    if not is_excused(name):
        return "does-not-exist"
    return "foreign:i386" if name.endswith(_FOREIGN_SUFFIX) else "ignore-does-not-exist"
