"""Whose fault is it? Finds for each finding the packages whose doing it is, so that a dependency answers for itself.

A package is named only where that is certain; where somebody else may have had a hand in it, too, the finding is not
settled.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, NamedTuple

from piufarm.outcome import Finding, Origin, Severity
from piufarm.slave.chroot.interface import Chroot, Placement
from piufarm.slave.tester.blame.history import NOBODY_KNOWS, History, Span
from piufarm.slave.tester.state.owners import INFO, FileLists

_PACKAGE_MANAGERS: Final = ("apt-get", "dpkg", "")  # "": nothing ran but what had been left running
# What dpkg and debconf make beside a configuration file, or keep of it.
_KEPT_CONFFILE: Final = re.compile(r"(.+)\.(dpkg-(?:old|dist|new|tmp|bak|remove|backup))")
_INFO_FILE: Final = re.compile(re.escape(INFO) + r"([^/]+)\.[a-z0-9]+")
_STOPPED: Final = "***** Command was terminated after exceeding"
_SCRIPT_FAILED: Final = re.compile(
    r"^dpkg: error processing package (\S+) \(--\w+\):\n +(?!dependency problems)", re.MULTILINE
)
_UNPACK_FAILED: Final = re.compile(
    r"^Unpacking (\S+) [^\n]*\n(?:(?!Unpacking |Preparing to unpack )[^\n]*\n)*?"
    r"dpkg: error processing archive \S+ \(--\w+\):\n(?: trying to overwrite [^\n]* in package (\S+) )?",
    re.MULTILINE,
)
# Scripts that can bring back what dpkg has removed.
_LATE: Final = ("prerm", "postrm")
_ACCOUNT_FILES: Final = ("/etc/group", "/etc/passwd")
# What adequate says of a package and another one together, such as a library that it uses.
_OF_TWO_PACKAGES: Final = (
    "incompatible-licenses", "ldd-failure", "missing-symbol-version-information", "program-name-collision",
    "symbol-size-mismatch", "undefined-symbol",
)  # fmt: skip
_NEW_DIVERSION: Final = "FAIL: Installed diversions"


class Charge(NamedTuple):
    """Who is at fault, whether these are all, and what is known of each path."""

    culprits: frozenset[str] = frozenset()
    is_settled: bool = False
    origins: tuple[Origin, ...] = ()


class _Blame(NamedTuple):
    """Charge of a single path."""

    culprits: frozenset[str]
    is_settled: bool


_NOBODY: Final = _Blame(frozenset(), False)


@dataclass(frozen=True)
class _Case:
    """A finding with what can be asked about it. Paths have no trailing slash here."""

    finding: Finding
    chroot: Chroot
    lists: FileLists

    @cached_property
    def history(self) -> History:
        return History(self.chroot.history())

    @cached_property
    def paths(self) -> tuple[str, ...]:
        return tuple(path.rstrip("/") or "/" for path in self.finding.subjects)

    @cached_property
    def places(self) -> Mapping[str, Placement]:
        above = {posixpath.dirname(path) for path in self.paths}
        return self.chroot.placements(sorted({*self.paths, *above}))

    def owners(self, path: str) -> frozenset[str]:
        """Owners by dpkg's lists, and of what dpkg itself writes for a package."""
        kept, info = _KEPT_CONFFILE.fullmatch(path), _INFO_FILE.fullmatch(path)
        owners = set(self.lists.owners(path)) | set(self.lists.owners(kept[1]) if kept else ())
        return frozenset(owners | ({info[1]} if info else set()))

    def actor(self, span: Span | None) -> tuple[str, str] | None:
        """Who did what was done in a span: a package and its script, or the owner of a program that we ran."""
        if span is None or span.script or span.command in _PACKAGE_MANAGERS:
            return span.actor if span is not None else None
        owners = self.lists.owners(span.command)
        return (owners[0], span.command) if len(owners) == 1 and not span.strays else None

    def made(self, path: str) -> tuple[str, str] | None:
        place = self.places.get(path)
        return self.actor(self.history.made(place)) if place is not None and self.history.is_known else None

    def changed(self, path: str) -> tuple[str, str] | None:
        place = self.places.get(path)
        return self.actor(self.history.changed(place)) if place is not None and self.history.is_known else None

    def _origin(self, subject: str) -> Origin:
        path = subject.rstrip("/") or "/"
        made, changed = self.made(path) or (None, None), self.changed(path) or (None, None)
        return Origin(subject, tuple(sorted(self.owners(path))), *made, *changed)

    def blames(self) -> Sequence[_Blame]:
        """The charge of each path, where the finding is about paths."""
        return [_BLAMES[self.finding.check](self, path) for path in self.paths]

    def origins(self) -> tuple[Origin, ...]:
        """What is known about each path, to be shown."""
        return tuple(map(self._origin, self.finding.subjects))


def charge(finding: Finding, chroot: Chroot, lists: FileLists) -> Finding:
    """The finding with its culprits; `lists` are those of all packages before any was removed."""
    if finding.severity is Severity.INFO:
        return finding
    case = _Case(finding, chroot, lists)
    if finding.check in _BLAMES:
        culprits, is_settled, origins = _together(case)
    elif finding.check in _RULES:
        culprits, is_settled, origins = _RULES[finding.check](case)
    else:
        return finding
    return replace(finding, culprits=tuple(sorted(culprits)), is_settled=is_settled, origins=origins)


def subjects_of_others(finding: Finding, chroot: Chroot, lists: FileLists, own: Collection[str]) -> frozenset[str]:
    """Of a finding about paths those that are certainly the doing of other packages than `own` (without `:arch`)."""
    case = _Case(finding, chroot, lists)
    blames = zip(finding.subjects, case.blames(), strict=True)
    return frozenset(
        subject for subject, (culprits, is_settled) in blames
        if culprits and is_settled and not {name.partition(":")[0] for name in culprits} & set(own)
    )


def _together(case: _Case) -> Charge:
    blames = case.blames()
    culprits = frozenset().union(*(each.culprits for each in blames))
    return Charge(culprits, bool(blames) and all(each.is_settled for each in blames), case.origins())


def _blame_left(case: _Case, path: str) -> _Blame:
    """Whoever owns or made what is left. dpkg leaves a directory because of what is in it."""
    inside = [other for other in case.paths if other.startswith(f"{path}/")]
    owners, made, changed = case.owners(path), case.made(path), case.changed(path)
    if inside:
        blames = [_blame_left(case, other) for other in inside]
        culprits = frozenset().union(*(each.culprits for each in blames))
        is_settled = all(each.is_settled for each in blames)
        if owners:
            return _Blame(culprits, is_settled)
        return _Blame(culprits | _names(made), is_settled and made is not None)
    if owners:
        return _Blame(owners | (_names(made) if made and made[1].startswith(_LATE) else frozenset()), True)
    if f"{path}/" in case.finding.subjects:
        return _Blame(_names(made), made is not None)
    return _Blame(_names(made, changed), made is not None and changed is not None)


def _names(*actors: tuple[str, str] | None) -> frozenset[str]:
    return frozenset(actor[0] for actor in actors if actor is not None)


def _blame_modified(case: _Case, path: str) -> _Blame:
    """Whoever touched a file first and last; a directory is touched by all that goes on in it, too."""
    place = case.places.get(path)
    if place is None or not case.history.is_known:
        return _NOBODY
    if f"{path}/" in case.finding.subjects:
        return _only_one(case.history.suspects_between(place, place.changed_ns))
    made, changed = case.made(path), case.changed(path)
    return _Blame(_names(made, changed), made is not None and changed is not None)


def _blame_disappeared(case: _Case, path: str) -> _Blame:
    """The only package that was at work between the first and the last change in the directory, if there is one."""
    place = case.places.get(posixpath.dirname(path))
    if place is None or not case.history.is_known:
        return _NOBODY
    return _only_one(case.history.suspects_between(place, place.content_ns))


def _only_one(suspects: frozenset[str]) -> _Blame:
    return _Blame(suspects, True) if len(suspects) == 1 and NOBODY_KNOWS not in suspects else _NOBODY


def _accounts(case: _Case) -> Charge:
    """The only package whose scripts ran before users and groups were changed for the last time, if there is one.

    Every change writes the same files anew, so that nothing tells the earlier ones from each other.
    """
    places = case.chroot.placements(_ACCOUNT_FILES).values()
    if not places or not case.history.is_known:
        return Charge()
    suspects = case.history.suspects_until(max(place.changed_ns for place in places))
    return Charge(*_only_one(suspects))


def _blame_changed(case: _Case, path: str) -> _Blame:
    """A packaged file was changed by whoever touched it last; nobody has if its package brought wrong sums."""
    place = case.places.get(path)
    if place is None or not case.history.is_known:
        return _blame_disappeared(case, path)
    if case.history.is_as_unpacked(place):
        return _Blame(case.owners(path), bool(case.owners(path)))
    span = case.history.changed(place)
    if span is not None and not span.actors and span.command in _PACKAGE_MANAGERS:
        return _Blame(case.owners(path), bool(case.owners(path)))
    actor = case.actor(span)
    return _Blame(_names(actor), actor is not None)


def _blame_link(case: _Case, path: str) -> _Blame:
    owners = case.owners(path)
    return _Blame(owners, True) if owners else _blame_left(case, path)


def _of_owners(case: _Case) -> Charge:
    """What the finding itself says about whose it is."""
    return Charge(frozenset(case.finding.owners), bool(case.finding.owners))


def _inadequate(case: _Case) -> Charge:
    """The package that adequate complains about; of what two packages have to agree on nobody knows which is wrong."""
    is_settled = not any(f" {tag} " in case.finding.text for tag in _OF_TWO_PACKAGES)
    return _of_owners(case)._replace(is_settled=is_settled and bool(case.finding.owners))


def _diverted(case: _Case) -> Charge:
    """A diversion that stays is its package's; who took away another's is not known."""
    has_stayed = case.finding.text.startswith(_NEW_DIVERSION)
    is_local = "local diversion of" in case.finding.text
    return Charge(frozenset(case.finding.owners), not is_local) if has_stayed else Charge()


def _running(case: _Case) -> Charge:
    strays = case.history.strays
    return Charge(strays - {NOBODY_KNOWS}, bool(strays) and NOBODY_KNOWS not in strays)


def _failed_command(case: _Case) -> Charge:
    """The package whose script was stopped, or that dpkg complains about: it must have been at work in that command."""
    spans = case.history.last_command()
    at_work = [span.package for span in spans if span.package]
    text = case.finding.text
    if _STOPPED in text:
        return Charge(frozenset(at_work[-1:]), bool(at_work))
    failed = frozenset(match[1] for match in _SCRIPT_FAILED.finditer(text))
    if failed:
        plain = {name.partition(":")[0] for name in at_work}
        return Charge(failed, all(name.partition(":")[0] in plain for name in failed))
    if match := _UNPACK_FAILED.search(text):
        return Charge(frozenset(name for name in match.groups() if name), True)
    owners = case.lists.owners(spans[0].command) if spans else ()
    return Charge(frozenset(owners), bool(owners) and spans[0].command.startswith("/etc/"))


# Of checks whose subjects are paths, each with a charge of its own.
_BLAMES: Final[Mapping[str, Callable[[_Case, str], _Blame]]] = {
    "left-files": _blame_left,
    "modified-files": _blame_modified,
    "edited-files": _blame_modified,
    "extended-attributes": _blame_modified,
    "alternatives": _blame_modified,
    "disappeared-files": _blame_disappeared,
    "debsums": _blame_changed,
    "broken-symlinks": _blame_link,
}
_RULES: Final[Mapping[str, Callable[[_Case], Charge]]] = {
    "accounts": _accounts,
    "adequate": _inadequate,
    "processes": _running,
    "diversions": _diverted,
    "commands": _failed_command,
    **dict.fromkeys(
        ("over-symlinks", "usr-move", "cron-files", "cron-tables", "logrotate-files", "systemd-units", "tmpfiles"),
        _of_owners,
    ),
}


def culprits_of(findings: Iterable[Finding]) -> tuple[str, ...]:
    """All packages that errors are charged to."""
    errors = (finding for finding in findings if finding.severity is Severity.ERROR)
    return tuple(sorted({name for finding in errors for name in finding.culprits}))
