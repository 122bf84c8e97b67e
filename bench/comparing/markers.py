"""What kinds of problems a log tells of: the lines that the predecessor's known problems are recognised by.

Both testers promise these lines, so that the sets of kinds that two logs of one package tell of can be compared. Paths
and versions in them are not: `entries` has those of files.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Marker:
    """A kind of problem: a line that matches `pattern` and not `exclude` tells of it."""

    name: str
    pattern: re.Pattern[str]
    exclude: re.Pattern[str] | None = None

    def is_in(self, lines: Sequence[str]) -> bool:
        """Whether a log tells of it."""
        return any(
            self.pattern.search(line) and not (self.exclude and self.exclude.search(line)) for line in lines
        )


def _marker(name: str, pattern: str, exclude: str | None = None) -> Marker:
    return Marker(name, re.compile(pattern), re.compile(exclude) if exclude else None)


_ADEQUATE_TAGS: Final = (
    "bin-or-sbin-binary-requires-usr-lib-library", "broken-binfmt-detector", "broken-binfmt-interpreter",
    "incompatible-licenses", "ldd-failure", "library-not-found", "missing-alternative", "missing-copyright-file",
    "missing-pkgconfig-dependency", "missing-symbol-version-information", "program-name-collision",
    "py-file-not-bytecompiled", "pyshared-file-not-bytecompiled", "symbol-size-mismatch", "undefined-symbol",
    "obsolete-conffile", "broken-symlink",
)

MARKERS: Final = (
    _marker("left files", r"ERROR: FAIL: Package purging left files on system:"),
    _marker("left files (warning)", r"Warning: Package purging left files on system:"),
    _marker("disappeared files", r"FAIL: After purging files have disappeared:"),
    _marker("modified files", r"FAIL: After purging files have been modified:"),
    _marker("owned files", r"owned by:", r",|usr/local"),
    _marker("files owned by many", r"owned by.+,"),
    _marker("unowned files", r"not owned$", r"/usr/share/mime/|usr/local/"),
    _marker("alternatives after purge", r"/etc/alternatives/.*not owned"),
    _marker("files in /usr/local", r"usr/local.+not owned"),
    _marker("diversion", r"ERROR: FAIL: (Installed|Existing) diversions \(dpkg-divert\)"),
    _marker("broken symlinks", r"(WARN|FAIL): Broken symlinks:"),
    _marker("installs over symlink", r"(overwrites files via directory symlinks|over existing directory symlinks):"),
    _marker("debsums mismatch", r"FAIL: debsums reports modifications inside the chroot:"),
    _marker("inadequate", r"(WARN|FAIL): Inadequate results from running adequate!"),
    *(_marker(f"adequate: {tag}", rf"Running adequate resulted in .* tags found: .* {tag} ") for tag in _ADEQUATE_TAGS),
    _marker("unknown inadequate", r"(WARN|FAIL): Found unknown tags running adequate\."),
    _marker("inadequate exit", r"(WARN|FAIL): Exit code from adequate was"),
    _marker("processes running", r"ERROR: FAIL: Processes are running inside chroot:"),
    _marker("cron file", r"FAIL: Cron file .* has output with package removed"),
    _marker("cron command", r"Command failed \(status=-?\d+\): \[.*'/etc/cron\.[^']*'\]"),
    _marker("logrotate file", r"FAIL: Logrotate file .* exits with error or has output"),
    _marker("logrotate command", r"Command failed \(status=-?\d+\): \[.*'/usr/sbin/logrotate', '[^']*'\]"),
    _marker("usr move", r"(WARN|FAIL): File\(s\) moved between /\{bin\|sbin\|lib\*\}"),
    _marker("depends dummy", r"Installation of piuparts-depends-dummy FAILED"),
    _marker("resource violation", r"Command was terminated after exceeding"),
    _marker("skipped", r"SKIP: All tests\."),
    _marker("history", r"History of available packages does not match - reference chroot may be outdated"),
    _marker("selections", r"Initial package selections do not match - ignoring loaded reference chroot state"),
    _marker("unknown purge", r"Command failed \(status=-?\d+\): \[.*'dpkg', '--purge', '--pending'\]"),
    _marker("failed apt", r"ERROR: Command failed \(status=-?\d+\): \[.*'apt-get', "),
    _marker("failed dpkg", r"ERROR: Command failed \(status=-?\d+\): \[.*'dpkg', "),
    _marker("command not found", r"command not found|: not found"),
    _marker("conffile prompt", r"EOF on stdin at conffile prompt"),
    _marker("broken packages", r"E: Broken packages"),
    _marker("problems", r"E: Unable to correct problems|pkgProblemResolver::Resolve generated breaks"),
    _marker("immediate configuration", r"E: Could not perform immediate configuration on"),
    _marker("maintainer script", r"(pre|post)-(installation|removal) script( subprocess)? returned error"),
    _marker("overwrite", r"trying to overwrite .* which is also in package"),
    _marker("kept back", r"packages have been kept back"),
    _marker("pre-depend", r"E: Couldn't configure pre-depend"),
    _marker("forced", r"E: There are problems and -y was used without --force-yes|E: Essential packages were removed"),
    _marker("trigger cycle", r"dpkg: cycle found while processing triggers"),
    _marker("trigger problems", r"dpkg: dependency problems prevent processing triggers"),
    _marker("dkms", r"Error! Bad return status for module build on kernel"),
)

_TROUBLE: Final = re.compile(
    r"E: Failed to fetch|Some index files failed to download|Hash Sum mismatch|Could not connect to|"
    r"Temporary failure resolving|No space left on device|Cannot allocate memory"
)
_ENTRY: Final = re.compile(r"  (/\S.*?)\t (?:owned by: .*|not owned)")
_HEADING: Final = re.compile(r"ERROR: FAIL: (Package purging left|After purging files have \w+)")
_RECORD: Final = re.compile(r"\d+m\d+\.\ds ")


def found_in(lines: Sequence[str]) -> frozenset[str]:
    """The kinds of problems that a log tells of, warnings too."""
    return frozenset(marker.name for marker in MARKERS if marker.is_in(lines))


def entries(lines: Sequence[str]) -> frozenset[str]:
    """The paths that a failed comparison lists: left, disappeared and modified ones."""
    found: set[str] = set()
    inside = False
    for line in lines:
        if _RECORD.match(line):
            inside = bool(_HEADING.search(line))
        elif inside and (entry := _ENTRY.match(line)):
            found.add(entry[1])
    return frozenset(found)


def is_trouble(lines: Sequence[str]) -> bool:
    """Whether a failed log tells of network or host rather than of the package."""
    return any(_TROUBLE.search(line) for line in lines)
