"""What the simulated farm tests: a small archive made up from a seed; and which packages fail."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from random import Random
from typing import Final

from piufarm.names import Package, SectionName, Version
from piufarm.store.model import Dependency, IndexPackage, Provided, Relation, Store

FEW: Final = 10  # packages that may need one that fails: a failure of libc6 would end the run before it began


def small_archive(random: Random, size: int) -> Iterator[IndexPackage]:
    """Packages that need earlier ones, with alternatives, virtual packages, cycles, and a few broken dependencies."""
    names = [Package(f"p{number:04}") for number in range(size)]
    for number, name in enumerate(names):
        clauses = [_clause(random, names, number) for _ in range(min(number, random.choice((0, 0, 1, 1, 2, 3, 5))))]
        if number % 50 == 7:
            clauses.append(Dependency((Relation(names[min(number + 1, size - 1)]),)))
        if number % 50 == 8:
            clauses.append(Dependency((Relation(names[number - 1]),)))
        if number % 97 == 96:
            clauses.append(Dependency((Relation(Package("not-there")),)))
        version = Version(f"{random.randrange(1, 4)}.{random.randrange(10)}-1")
        yield IndexPackage(
            name=name,
            version=version,
            test_version=version,
            source=name,
            source_version=version,
            maintainer="A Person <a@example.org>",
            depends=tuple(clauses),
            provides=(Provided(Package(f"virtual-{number % 5}")),) if number % 10 == 3 else (),
        )


def _clause(random: Random, names: list[Package], number: int) -> Dependency:
    """One alternative or two, earlier in the archive; some virtual."""
    alternatives = [Relation(names[random.randrange(number)]) for _ in range(random.choice((1, 1, 1, 2)))]
    if number > 10 and random.random() < 0.05:
        alternatives[-1] = Relation(Package(f"virtual-{random.randrange(5)}"))
    return Dependency(tuple(alternatives), pre=random.random() < 0.1)


def failing_packages(store: Store, section: SectionName, share: float, random: Random) -> frozenset[Package]:
    """A share of the packages, chosen among those that few others need."""
    users: dict[Package, list[Package]] = defaultdict(list)
    names = []
    for name, dependencies in store.all_dependencies(section):
        names.append(name)
        for dependency in dependencies:
            for relation in dependency.alternatives:
                users[relation.name].append(name)
    wanted = round(len(names) * share)
    random.shuffle(names)
    found: set[Package] = set()
    for name in names:
        if len(found) >= wanted:
            break
        if _needed_by_few(name, users):
            found.add(name)
    return frozenset(found)


def _needed_by_few(name: Package, users: dict[Package, list[Package]]) -> bool:
    seen = {name}
    work = [name]
    while work and len(seen) <= FEW:
        for user in users.get(work.pop(), ()):
            if user not in seen:
                seen.add(user)
                work.append(user)
    return len(seen) <= FEW
