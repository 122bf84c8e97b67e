"""The two testers, how each is called, and how the predecessor is kept from harming the host."""

from __future__ import annotations

import shlex
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.comparing.record import Candidate, Run, Shelf
from piufarm.run import STDOUT, ChildTimeout, clean_environment, spawn

_CLONE: Final = Path(__file__).resolve().parents[2]
_NICE: Final = ("nice", "-n", "19")
# It has no isolation of its own: what a package starts, mounts or names ends with these namespaces.
_NAMESPACES: Final = (
    "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
_ENDS_WITH_US: Final = ("setpriv", "--pdeathsig", "KILL")
_SIGNALS: Final = 128  # exit statuses from here on: ended by a signal
PEER: Final = "peer"
OURS: Final = "ours"


@dataclass(frozen=True)
class Task:
    """What both are asked to do, whatever the package."""

    suites: Sequence[str]
    mirror: str
    base: Path
    flags: Sequence[str]  # for both
    minutes: int
    tmpdir: Path

    def words(self, candidate: Candidate) -> list[str]:
        """The options that both understand."""
        suites = [word for suite in self.suites for word in ("-d", suite)]
        upgrade = [] if len(self.suites) > 1 else ["--no-upgrade-test"]
        options = ["-m", self.mirror, "-b", str(self.base), *upgrade, *self.flags]
        return [*suites, *options, "--apt", f"{candidate.name}={candidate.version}"]


def program(tester: str) -> Sequence[str]:
    """The words that a tester's command line begins with."""
    if tester == OURS:
        return ("/usr/bin/python3", str(_CLONE / "bin" / "piufarm"), "test", "--compat")
    return ("piuparts",)


def test(tester: str, candidate: Candidate, task: Task, shelf: Shelf) -> Run:
    """One test, to its end or that of its time. Raises FarmError."""
    log = shelf.log(tester, candidate)
    log.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="campaign-", dir=task.tmpdir))
    words = [*program(tester), "--tmpdir", str(folder), *task.words(candidate)]
    if tester == OURS:
        words += ["--result", str(log.with_suffix(".result"))]
        guarded = [*_ENDS_WITH_US, *_NICE, *words]
    else:
        guarded = [*_ENDS_WITH_US, *_NICE, *_NAMESPACES, *words]
    start = time.monotonic()
    try:
        status = _run(guarded, log, task.minutes * 60)
    finally:
        _clear(folder)
    run = Run(candidate, tester, status, round(time.monotonic() - start, 2), shlex.join(words), log)
    if not _was_ended(status):
        shelf.keep(run)
    return run


def _was_ended(status: int | None) -> bool:
    """Whether somebody ended the tester; it then is to work once more."""
    return status is not None and (status < 0 or status >= _SIGNALS)


def _run(words: Sequence[str], log: Path, seconds: int) -> int | None:
    """The exit status, None after too long a time; the time in which this campaign is stopped does not count.

    The child stays in our process group, so that a signal stops or ends both.
    """
    with log.open("wb") as output:
        child = spawn(words, env=clean_environment(), stdout=output, stderr=STDOUT, new_session=False)
        try:
            for _ in range(seconds):
                try:
                    return child.wait(1)
                except ChildTimeout:
                    continue
            return None
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()


def _clear(folder: Path) -> None:
    """The namespaces have ended, and with them every mount below."""
    for _ in range(50):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.1)
