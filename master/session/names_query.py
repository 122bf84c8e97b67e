"""`_state`: what a name stands for when a package depends on it, which need not be a package of the section."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from piufarm.master.states.rules import is_excused, preference
from piufarm.names import Package, SectionName
from piufarm.states import PackageState
from piufarm.store.model import PackageRow, Store

NO_VERSION: Final = "-"  # no version of a package begins so
_FOREIGN_SUFFIX: Final = "-i386"


class NameState(NamedTuple):
    """The state in which a name is for those who depend on it, and the version that is tested."""

    state: str
    version: str = NO_VERSION


def state_of_name(store: Store, section: SectionName, name: Package) -> NameState:
    """Of the section's own package, if it is not outdated; else of whatever is followed, also in other sections.

    Of packages of that name in other sections the first that is up to date counts.
    """
    found: list[PackageRow] = []
    for where in (section, *store.looked_into(section)):
        row = store.package(where, name)
        if row is not None and row.state is not PackageState.OUTDATED and where == section:
            return NameState(row.state, row.test_version)
        if row is not None and (row.state is PackageState.OUTDATED or not _is_known(found, name)):
            found.append(row)
        providers = (store.package(where, provider) for provider in store.providers(where).get(name, ()))
        found += [provider for provider in providers if provider is not None]
    if not found:
        return NameState(_without_package(name))
    best = min(found, key=lambda row: preference(row.state))
    return NameState(best.state, best.test_version if best.name == name else NO_VERSION)


def _is_known(found: Sequence[PackageRow], name: Package) -> bool:
    """Whether a package of that name is among them that is up to date."""
    return any(row.name == name and row.state is not PackageState.OUTDATED for row in found)


def _without_package(name: Package) -> str:
    if not is_excused(name):
        return "does-not-exist"
    return "foreign:i386" if name.endswith(_FOREIGN_SUFFIX) else "ignore-does-not-exist"
