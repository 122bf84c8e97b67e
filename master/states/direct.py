"""What a single result changes at once: the states of the packages that depend directly on its own.

A session asks this after each result, while the whole evaluation follows some seconds later. So it must be cheap: no
versions are compared, and only what is certain without that is said. Everything else stays as it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from piufarm.master.states.rules import GOOD, OWN_ERRORS, PROPAGATED, is_excused
from piufarm.master.states.wording import READY, TROUBLE, depends_on, mention
from piufarm.names import Package
from piufarm.states import CHANGEABLE, PackageState
from piufarm.store.evaluations import Neighbourhood
from piufarm.store.model import ComputedState, Node, Relation

_MISSING: Final = PackageState.DEPENDENCY_DOES_NOT_EXIST


def reconsider(around: Neighbourhood, *, passed: bool = False) -> dict[Package, ComputedState]:
    """The states of dependents that are certain and differ from what is stored.

    Each is what a whole evaluation at the same moment would say. Once a package has `passed`, only who can be tested
    now is looked for.
    """
    section = _Section(around)
    found: dict[Package, ComputedState] = {}
    for user in around.dependents:
        if user.listed and user.stored.state in CHANGEABLE:
            computed = section.reconsider(user, passed=passed)
            if computed is not None and computed.state is not user.stored.state:
                found[Package(user.name)] = computed
    return found


class _Candidate(NamedTuple):
    """A package that may satisfy a relation; `fits` if it surely does."""

    node: Node
    fits: bool


class _Verdict(NamedTuple):
    """What is certain about a clause.

    `good` is the index of an alternative that is good, `error` what the clause makes of its package if all its options
    failed themselves, `possible` what it may make of it, as far as that comes from packages that failed themselves.
    `link` and `blocker` name the cause of `error`: in words, and the package if there is one.
    """

    good: int | None = None
    error: PackageState | None = None
    possible: frozenset[PackageState] = frozenset()
    link: str = ""
    blocker: str = ""


class _Section:
    """The packages of a neighbourhood by name and by what they provide."""

    def __init__(self, around: Neighbourhood) -> None:
        self._alone = around.alone
        nodes = {node.name: node for node in (*around.options, *around.dependents)}
        self._nodes = nodes
        self._providers: dict[str, list[Node]] = {}
        for _, node in sorted(nodes.items()):
            for name in dict.fromkeys(provided.name for provided in node.provides):
                if name != node.name:
                    self._providers.setdefault(name, []).append(node)
        self._found: dict[tuple[Relation, bool], Sequence[_Candidate]] = {}

    def reconsider(self, user: Node, *, passed: bool) -> ComputedState | None:
        """None if nothing is certain."""
        chosen = user.stored.chosen or (0,) * len(user.depends)
        possible: set[PackageState] = set()
        good: list[int] = []
        for clause in zip(user.depends, chosen, strict=True):
            verdict = self._verdict(user, *clause)
            possible |= verdict.possible
            if verdict.error is not None:
                # a clause before this one might be without hope, too: then its error is the one that counts
                certain = self._alone and possible <= {verdict.error}
                return _blocked(user, verdict.error, verdict) if certain else None
            if verdict.good is not None:
                good.append(verdict.good)
            elif passed:
                return None
        if len(good) < len(user.depends):
            return None
        chosen = tuple(good) if any(good) else ()
        return user.stored._replace(
            state=PackageState.WAITING_TO_BE_TESTED, reason=READY, chosen=chosen, blocker=""
        )

    def _verdict(self, user: Node, clause: Sequence[Relation], chosen: int) -> _Verdict:
        if chosen < 0:
            return _Verdict(None, _MISSING, frozenset({_MISSING}), " | ".join(map(str, clause)))
        found = [self._candidates(wanted, followed=index == chosen) for index, wanted in enumerate(clause)]
        for index, candidates in enumerate(found):
            if any(fits and (node is user or _result(node) is GOOD) for node, fits in candidates):
                return _Verdict(good=index)
        nodes = [candidate.node for candidates in found for candidate in candidates]
        hopeless = self._alone and all(_result(node) in OWN_ERRORS and node is not user for node in nodes)
        for index, wanted in enumerate(clause):
            if self._is_excused(wanted):
                return _Verdict(good=index if hopeless else None)
        errors = frozenset(PROPAGATED[_result(node)] for node in nodes if _result(node) in OWN_ERRORS)
        if not hopeless or len(errors) != 1:
            return _Verdict(possible=errors)
        wanted = next(wanted for wanted, candidates in zip(clause, found, strict=True) if candidates)
        culprit = nodes[0].name
        return _Verdict(None, min(errors), errors, mention(wanted.name, culprit, culprit), culprit)

    def _candidates(self, wanted: Relation, *, followed: bool) -> Sequence[_Candidate]:
        """What may satisfy a relation; `followed` says that something surely does."""
        key = wanted, followed
        if key not in self._found:  # many packages need the same
            self._found[key] = list(self._look_up(wanted, followed=followed))
        return self._found[key]

    def _look_up(self, wanted: Relation, *, followed: bool) -> Iterator[_Candidate]:
        if wanted.arch:
            return
        own = self._nodes.get(wanted.name)
        possible = [node for node in (own, *self._providers.get(wanted.name, ())) if node is not None]
        possible = [node for node in possible if _may_satisfy(node, wanted)]
        only_one = followed and self._alone and len(possible) == 1
        for node in possible:
            yield _Candidate(node, only_one or _surely_satisfies(node, wanted))

    def _is_excused(self, wanted: Relation) -> bool:
        known = wanted.name in self._nodes or wanted.name in self._providers
        return bool(wanted.arch) or (self._alone and is_excused(wanted.name) and not known)


def _result(node: Node) -> PackageState | None:
    """What a package's own test says about it, as far as that is certain; None if it does not."""
    state = node.stored.state
    if not node.listed:
        return state if state is PackageState.FAILED_TESTING else GOOD
    if state is GOOD and min(node.stored.chosen, default=0) < 0:
        return None  # something that it needs is not in the archive: the pass may not count
    return state if state is GOOD or state in OWN_ERRORS else None


def _may_satisfy(node: Node, wanted: Relation) -> bool:
    """What is outdated does not stand for its name, and an unversioned provide satisfies no versioned relation."""
    if node.stored.state is PackageState.OUTDATED:
        return False
    return node.name == wanted.name or any(
        provided.name == wanted.name and (not wanted.op or provided.version) for provided in node.provides
    )


def _surely_satisfies(node: Node, wanted: Relation) -> bool:
    if not wanted.op:
        return True
    versions = [provided.version for provided in node.provides if provided.name == wanted.name]
    if node.name == wanted.name:
        versions.append(node.archive_version)
    return "=" in wanted.op and wanted.version in versions


def _blocked(user: Node, state: PackageState, verdict: _Verdict) -> ComputedState:
    if state is _MISSING:
        trouble = "which is not in the archive" if "|" not in verdict.link else "none of which is in the archive"
    else:
        trouble = f"which {TROUBLE[next(own for own in OWN_ERRORS if PROPAGATED[own] is state)]}"
    reason = depends_on(verdict.link, trouble)
    return user.stored._replace(state=state, reason=reason, chain=0, waiting=0, blocker=verdict.blocker)
