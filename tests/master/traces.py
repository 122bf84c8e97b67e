"""System calls of a session, as strace tells them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from piufarm.run import Completed, clean_environment, run
from tests.support.clone import PIUFARM

# everything by which a session changes files or says something
CALLS: Final = "write,pwrite64,fsync,fdatasync,/^rename,/^link,/^unlink,ftruncate"
_LINE: Final = re.compile(r"(?P<name>\w+)\((?P<arguments>.*)\)\s+= (?P<result>-?\d+)")
_KILLED: Final = re.compile(r"\+\+\+ killed by SIGKILL \+\+\+")


class Call(NamedTuple):
    """A finished system call; file descriptors show as `3</path>`."""

    name: str
    arguments: str

    def concerns(self, *texts: str) -> bool:
        """Whether all these texts are among the arguments."""
        return all(text in self.arguments for text in texts)


def traced(config: Path, text: str, trace: Path, *, inject: str | None = None) -> Completed:
    """A session as sshd runs it, under strace; `inject` as strace's option of that name."""
    injected = ["-e", f"inject={inject}"] if inject else []
    return run(
        ["strace", "-y", "-s", "64", "-o", trace, "-e", f"trace={CALLS}", *injected,
         PIUFARM, "master", "session", "--slave", "worker1", "--config", config],
        input=text.encode(),
        env=clean_environment(PATH=os.environ["PATH"]),
        check=False,
    )  # fmt: skip


def calls(trace: Path) -> Sequence[Call]:
    """The calls of a trace, in their order."""
    found = (_LINE.match(line) for line in trace.read_text(errors="replace").splitlines())
    return [Call(line["name"], line["arguments"]) for line in found if line]


def was_killed(trace: Path) -> bool:
    """Whether the session was ended by an injected signal."""
    return _KILLED.search(trace.read_text(errors="replace")) is not None
