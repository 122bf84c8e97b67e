"""Files of packages, and their configuration files, whose content is not what the packages say.

Packages that the test installed are checked whole; of those of the base, and of those of layers, which were checked
when these were made, the files that have changed.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks.check import Check, Moment
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.output.log import one_line
from piufarm.slave.tester.state.diversions import DIVERSIONS, parse_diversions
from piufarm.slave.tester.state.owners import INFO, read_base_file
from piufarm.slave.tester.state.packages import Conffile

_NAME: Final = "debsums"
_MD5: Final = re.compile(r"[0-9a-f]{32}")
_FAILED: Final = re.compile(r"(\\?)(.+): FAILED(?: open or read)?")


class _Sum(NamedTuple):
    """What a file's content should be."""

    package: str
    path: str
    md5: str


def parse_md5sums(package: str, content: bytes) -> Iterator[_Sum]:
    """From a package's md5sums file: hash, two blanks, path without leading slash."""
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        md5, _, path = line.partition("  ")
        if path and _MD5.fullmatch(md5):
            yield _Sum(package, "/" + path.removeprefix("./").lstrip("/"), md5)


def _md5sums_file(package: str) -> str:
    return f"{INFO}{package}.md5sums"


def _new_packages(examination: Examination) -> list[str]:
    base = examination.chroot.base.packages
    return [p.name for p in examination.packages().values() if p.is_installed and base.get(p.name) != p.version]


def _is_of_layer(examination: Examination, package: str) -> bool:
    """Whether the package was installed when a layer was made, and not again since."""
    above = examination.tree().changes.above
    return above is not None and _md5sums_file(package) not in above


def _failing(examination: Examination, packages: list[str]) -> set[str] | None:
    """The paths that md5sum, run over the sums of these packages, complains about; None if it cannot tell."""
    files = [path for path in map(_md5sums_file, packages) if examination.tree().get(path) is not None]
    if not files:
        return set()
    result = examination.execute("md5sum", "--check", "--quiet", *files, is_query=True, may_fail=True)
    if result.status == 0:
        return set()
    lines = result.output.decode("utf-8", "surrogateescape").split("\n")
    matches = [match for match in map(_FAILED.fullmatch, lines) if match]
    if any(match[1] for match in matches):
        return None  # names with escaped characters
    return {"/" + match[2].removeprefix("./").lstrip("/") for match in matches} or None


def _sums_of_new(examination: Examination) -> Iterator[_Sum]:
    """The sums of new packages that are worth a second look."""
    packages = [name for name in _new_packages(examination) if not _is_of_layer(examination, name)]
    failing = _failing(examination, packages)
    if failing == set():
        return
    for package in packages:
        for item in parse_md5sums(package, examination.chroot.read(_md5sums_file(package)) or b""):
            if failing is None or item.path in failing:
                yield item


def _aliases(examination: Examination, path: str) -> Iterator[str]:
    """The names of a path: itself, and below the links that a merged /usr has, such as /bin/sh for /usr/bin/sh."""
    yield path
    for link, target in (("/" + name, "/usr/" + name) for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")):
        entry = examination.tree().get(link)
        if entry is not None and entry.target is not None and path.startswith(f"{target}/"):
            yield link + path.removeprefix(target)


def _sums_of_base(examination: Examination) -> Iterator[_Sum]:
    """The sums of changed files of packages that are as in the base."""
    reference = examination.base.facts.lists
    new = set(_new_packages(examination))
    changed: dict[str, set[str]] = {}
    for path in examination.tree().changes.before:
        for name in _aliases(examination, path):
            for package in reference.owners(name):
                if package not in new:
                    changed.setdefault(package, set()).add(name)
    for package, paths in sorted(changed.items()):
        if _md5sums_file(package) in examination.chroot.base.tree:
            content = read_base_file(examination.chroot.base.root, _md5sums_file(package))
            yield from (item for item in parse_md5sums(package, content) if item.path in paths)


def _sums_of_layers(examination: Examination) -> Iterator[_Sum]:
    """The sums of files of packages in layers that were touched since."""
    of_layers = {name for name in _new_packages(examination) if _is_of_layer(examination, name)}
    touched: dict[str, set[str]] = {}
    for path in examination.tree().changes.above or () if of_layers else ():
        for name in _aliases(examination, path):
            owners = examination.lists.owners(name)
            if len(owners) == 1 or not _is_directory(examination, name):  # several packages only have directories
                for package in of_layers.intersection(owners):
                    touched.setdefault(package, set()).add(name)
    for package, paths in sorted(touched.items()):
        content = examination.chroot.read(_md5sums_file(package)) or b""
        yield from (item for item in parse_md5sums(package, content) if item.path in paths)


def _is_directory(examination: Examination, path: str) -> bool:
    entry = examination.tree().get(path)
    return entry is not None and stat.S_ISDIR(entry.mode)


def _sums_of_conffiles(examination: Examination) -> Iterator[_Sum]:
    new = set(_new_packages(examination))
    before = examination.tree().changes.before
    for package in examination.packages().values():
        conffiles: Iterable[Conffile] = (c for c in package.conffiles if not c.is_obsolete and _MD5.fullmatch(c.md5))
        for conffile in conffiles:
            if package.name in new or conffile.path in before:
                yield _Sum(package.name, conffile.path, conffile.md5)


def _problem(examination: Examination, item: _Sum, diverted: Mapping[str, tuple[str, str]]) -> str | None:
    """The line that debsums prints about a file, or None if it is as it should be or no longer the package's."""
    if item.package not in examination.lists.owners(item.path):
        return None
    path = item.path
    if path in diverted and diverted[path][0] != item.package.partition(":")[0]:
        path = diverted[path][1]
    found = examination.chroot.md5(path)
    if found is None:
        return f"debsums: missing file {one_line(item.path)} (from {item.package} package)"
    return None if found == item.md5 else one_line(item.path)


def _find(examination: Examination, _: Moment) -> Iterable[Finding]:
    suspects = {*_sums_of_new(examination), *_sums_of_layers(examination)}
    suspects |= {*_sums_of_base(examination), *_sums_of_conffiles(examination)}
    if not suspects:
        return
    diversions = parse_diversions(examination.chroot.read(DIVERSIONS))
    diverted = {diversion.path: (diversion.package, diversion.diverted_to) for diversion in diversions}
    problems = {item: _problem(examination, item, diverted) for item in suspects}
    bad = sorted((item for item, line in problems.items() if line), key=lambda item: (problems[item] or "", item))
    if not bad:
        return
    lines = dict.fromkeys(line for line in map(problems.__getitem__, bad) if line)
    text = "\n".join(["FAIL: debsums reports modifications inside the chroot:", *sorted(lines, key=_missing_first)])
    severity = Severity.WARNING if examination.options.checks.warn_on_debsums else Severity.ERROR
    paths = tuple(dict.fromkeys(item.path for item in bad))
    yield Finding(_NAME, severity, text, paths, tuple(sorted({item.package for item in bad})))


def _missing_first(line: str) -> tuple[bool, str]:
    return (not line.startswith("debsums: "), line)


CHECK: Final = Check(_NAME, (Moment.BEFORE_REMOVAL, Moment.PURGED_ONCE), _find)
