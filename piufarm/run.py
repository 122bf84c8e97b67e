"""The one place that starts programs: argument lists, a clean environment, failures that can be replayed.

`run` waits for a tool and collects what it says (through python3-sh, whose releases in bookworm and trixie differ:
nothing else touches it). `spawn` starts a long-lived child that its caller talks to over pipes.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import IO, Final, NoReturn, TypeAlias

from piufarm.errors import FarmError

CLEAN_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_INTERRUPTING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)  # as far as a Python handler takes them
_GRACE_SECONDS: Final = 5.0  # between asking a child to end and killing it
_OUTPUT_IN_ERROR: Final = 2000  # bytes of a failed tool's output that its error message quotes


@dataclass(frozen=True)
class Completed:
    """A program that ran to its end; `status` is its exit status, or -N if signal N ended it."""

    argv: tuple[str, ...]
    status: int
    stdout: bytes
    stderr: bytes


class CommandFailed(FarmError):
    """A tool that had to work did not; the message holds a command line to replay and the end of its output."""

    def __init__(self, completed: Completed) -> None:
        output = (completed.stderr or completed.stdout)[-_OUTPUT_IN_ERROR:].decode("utf-8", "backslashreplace").strip()
        command = shlex.join(completed.argv)
        super().__init__(f"command failed with status {completed.status}: {command}\n{output}".rstrip())
        self.completed = completed


def clean_environment(**extra: str) -> dict[str, str]:
    """The environment that children get: built from scratch, so that no secret or LD_PRELOAD of ours leaks."""
    home = "/root" if os.geteuid() == 0 else str(Path.home())
    return {"PATH": CLEAN_PATH, "HOME": home, "LC_ALL": "C.UTF-8", **extra}


def run(
    argv: Sequence[str | Path],
    *,
    input: bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_seconds: float | None = None,
    check: bool = True,
) -> Completed:
    """Run a tool to its end, in a session of its own.

    Raises CommandFailed if `check` and the status is not 0, FarmError if it is missing or exceeds `timeout_seconds`.
    """
    import sh  # costs 40 ms: a master session never runs a tool and must not pay for it

    words = tuple(str(word) for word in argv)
    expired = threading.Event()
    try:
        with _signals_held_back() as let_through:
            process = sh.Command(words[0])(
                *words[1:],
                _bg=True,  # with it both releases of sh hand out the process object
                _bg_exc=False,
                _in=input,
                _env=dict(env) if env is not None else clean_environment(),
                _cwd=str(cwd) if cwd else None,
                _ok_code=list(range(256)),
                _tty_out=False,
                _new_session=True,
                _decode_errors="surrogateescape",
            )
            with _ended_with_its_children(process.pid, timeout_seconds, expired):
                let_through()
                process.wait()
        status = process.exit_code
    except sh.CommandNotFound as error:
        raise FarmError(f"program not found: {words[0]}", hint="install the Debian package that has it") from error
    except sh.SignalException as error:
        status = error.exit_code
    if expired.is_set():
        raise FarmError(f"command took longer than {timeout_seconds:g} s: {shlex.join(words)}")
    completed = Completed(words, status, bytes(process.stdout), bytes(process.stderr))
    if check and status != 0:
        raise CommandFailed(completed)
    return completed


@contextmanager
def _signals_held_back() -> Iterator[Callable[[], None]]:
    """Signals wait until the function that the block gets is called: a child half started could not be ended."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    found = {number: signal.getsignal(number) for number in _INTERRUPTING}
    usual = {number: handler for number, handler in found.items() if callable(handler)}
    held: list[tuple[int, FrameType | None]] = []

    def let_through() -> None:
        for number, handler in usual.items():
            signal.signal(number, handler)
        while held:
            came, frame = held.pop()
            usual[signal.Signals(came)](came, frame)

    for number in usual:
        signal.signal(number, lambda number, frame: held.append((number, frame)))
    try:
        yield let_through
    finally:
        let_through()


@contextmanager
def _ended_with_its_children(leader: int, timeout_seconds: float | None, expired: threading.Event) -> Iterator[None]:
    """Within the block the session of `leader` has a time limit; it is ended when the block is left by an error."""

    def expire() -> None:
        expired.set()
        _end_session(leader)

    timer = threading.Timer(timeout_seconds, expire) if timeout_seconds is not None else None
    if timer is not None:
        timer.start()
    try:
        yield
    except (KeyboardInterrupt, SystemExit):  # the child, in a session of its own, notices no signal of ours
        _end_session(leader)
        raise
    finally:
        if timer is not None:
            timer.cancel()
            timer.join()


def _end_session(leader: int) -> None:
    """Ask every process of the group to end; when the leader has, or will not, kill what is left."""
    deadline = time.monotonic() + _GRACE_SECONDS
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGTERM)
        while time.monotonic() < deadline and not _has_ended(leader):
            time.sleep(0.02)
        os.killpg(leader, signal.SIGKILL)


def _has_ended(child: int) -> bool:
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
    except ChildProcessError:  # somebody has taken its status already
        return True


def spawn(
    argv: Sequence[str | Path],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[bytes] | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = None,
    stderr: int | IO[bytes] | None = None,
    pass_fds: Sequence[int] = (),
    new_session: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a child that the caller talks to and ends; never through a shell.

    Raises FarmError if the program is missing.
    """
    try:
        return subprocess.Popen(
            [str(word) for word in argv],
            env=dict(env) if env is not None else clean_environment(),
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=new_session,
        )
    except FileNotFoundError as error:
        raise FarmError(f"program not found: {argv[0]}", hint="install the Debian package that has it") from error


def become(argv: Sequence[str]) -> NoReturn:
    """Let another program take this process over; what has been printed is flushed. Raises OSError."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execv(argv[0], list(argv))


PIPE: Final = subprocess.PIPE
DEVNULL: Final = subprocess.DEVNULL
STDOUT: Final = subprocess.STDOUT
# What `spawn` returns and its `wait` may raise, for those who name them: nothing else imports subprocess.
Child: TypeAlias = subprocess.Popen[bytes]
ChildTimeout: TypeAlias = subprocess.TimeoutExpired
