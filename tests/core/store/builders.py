"""Short ways to say what a store test is about."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from piufarm.names import Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.states import PackageState
from piufarm.store.model import ComputedState, Dependency, IndexPackage, NewRun, Provided, Relation, Store

SID = SectionName("sid")
NOON = datetime(2026, 11, 20, 12, 0, 0, 123456, tzinfo=UTC)
HOUR = timedelta(hours=1)


def package(
    name: str, version: str = "1", *, depends: str = "", provides: str = "", listed: bool = True
) -> IndexPackage:
    """A package; `depends` as in `a | b, !c`, where ! marks a Pre-Depends."""
    return IndexPackage(
        name=Package(name),
        version=Version(version),
        test_version=Version(version),
        source=Package(f"src-{name}"),
        source_version=Version(version),
        maintainer="A Person <a@example.org>",
        depends=tuple(dependency(clause.strip()) for clause in depends.split(",") if clause.strip()),
        provides=tuple(Provided(Package(name)) for name in provides.split()),
        listed=listed,
    )


def dependency(text: str) -> Dependency:
    """A clause."""
    alternatives = tuple(Relation(Package(name.strip())) for name in text.lstrip("!").split("|"))
    return Dependency(alternatives, pre=text.startswith("!"))


def fill(store: Store, *packages: IndexPackage, digest: str = "digest") -> int:
    """Make the section hold exactly these packages."""
    return store.replace_packages(SID, packages, index_digest=digest, now=NOON, index_size=len(packages))


def make_candidates(store: Store, **waiting: int) -> None:
    """Let these packages be waiting to be tested, with that many packages waiting for each."""
    states = {
        Package(name): ComputedState(PackageState.WAITING_TO_BE_TESTED, "ready", 2, number)
        for name, number in waiting.items()
    }
    store.set_states(SID, states, evaluated=store.snapshot(SID))


def result(
    name: str,
    version: str = "1",
    outcome: Outcome = Outcome.PASS,
    *,
    slave: str | None = "worker1",
    run_id: str | None = None,
    log: bytes = b"a log\n",
    at: datetime = NOON,
) -> NewRun:
    """A result on its way in."""
    return NewRun(
        run_id=run_id or f"{name}-{version}-{outcome}-{slave}-{at:%H%M%S}",
        package=Package(name),
        version=Version(version),
        outcome=outcome,
        slave=slave,
        received_at=at,
        log_bytes=len(log),
        log_sha256=hashlib.sha256(log).hexdigest(),
    )
