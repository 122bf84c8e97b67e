"""The `piufarm` command: imports only the command that is asked for; a session must start in milliseconds.

A command module has `configure(parser)`, which adds its arguments, and `main(arguments)`, which returns the
exit status.
"""

from __future__ import annotations

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import Final, NamedTuple, NoReturn

from piufarm import __version__
from piufarm.errors import FarmError, PiufarmError, Unforeseen

_ENDING: Final = (signal.SIGTERM, signal.SIGHUP)


class Command(NamedTuple):
    """Where a command lives and what it is for."""

    module: str
    summary: str


COMMANDS: Final[dict[str, Command]] = {
    "check-config": Command("piufarm.config.check_command", "print the effective configuration and its origins"),
    "master session": Command("piufarm.master.commands.session", "talk to a slave on stdin and stdout"),
    "master add-slave": Command("piufarm.master.commands.add_slave", "let a slave in: write its authorized_keys line"),
    "master refresh": Command("piufarm.master.commands.refresh", "fetch the archive's indexes, recompute the states"),
    "master evaluate": Command("piufarm.master.commands.evaluate", "recompute what new results have changed"),
    "master status": Command("piufarm.master.commands.status", "packages per state, and who tests what"),
    "master recycle": Command("piufarm.master.commands.recycle", "test packages again, let held ones go"),
    "master slaves": Command("piufarm.master.commands.slaves", "who tests, and how it goes; let drained slaves go on"),
    "master troubles": Command("piufarm.master.commands.troubles", "tests that went wrong for our own reasons"),
    "master fsck": Command("piufarm.master.commands.fsck", "compare store and log files, repair what differs"),
    "master import": Command("piufarm.master.commands.import_", "take an installation of piuparts over"),
    "master export": Command("piufarm.master.commands.export", "write a directory that piuparts-master goes on with"),
    "master move-state": Command("piufarm.master.commands.move_state", "carry the store to another database"),
    "why": Command("piufarm.master.commands.why", "what a package waits for, and who keeps it"),
    "slave run": Command("piufarm.slave.run_command", "reserve packages, test them, send the results"),
    "slave trust": Command("piufarm.slave.trust_command", "show a master's host key and, if you agree, trust it"),
    "slave setup-schroot": Command("piufarm.slave.setup_schroot_command", "as root: make an unprivileged slave's base"),
    "test": Command("piufarm.slave.tester.command", "test packages in a throw-away chroot, as piuparts does"),
    "kept list": Command("piufarm.slave.tester.kept.list_command", "roots that `test --keep-env` has kept"),
    "kept enter": Command("piufarm.slave.tester.kept.enter_command", "a shell in a kept root"),
    "kept remove": Command("piufarm.slave.tester.kept.remove_command", "remove kept roots"),
    "report": Command("piufarm.report.command", "render the site"),
}


def usage(group: str = "") -> str:
    """The text of `piufarm --help`, or of `piufarm GROUP --help` with the commands of that group."""
    shown = {name: command for name, command in COMMANDS.items() if not group or name.split()[0] == group}
    width = max(map(len, shown)) + 2
    rows = "\n".join(f"  {name:<{width}}{command.summary}" for name, command in shown.items())
    if group:
        return f"usage: piufarm {group} COMMAND [OPTION…]\n\ncommands:\n{rows}\n"
    return (
        "usage: piufarm COMMAND [OPTION…]\n\n"
        "Tests whether Debian packages install, upgrade and go away cleanly.\n\n"
        f"commands:\n{rows}\n\n"
        "`piufarm COMMAND --help` explains a command. `--version` prints the version.\n"
    )


def _find(words: Sequence[str]) -> tuple[str, Sequence[str]] | None:
    """The longest command that `words` begin with, and the words after it."""
    for length in (2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return name, words[length:]
    return None


def main(words: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status (2 for a usage error, 128 + N after signal N)."""
    words = sys.argv[1:] if words is None else words
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a locale without our dashes and dots is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage(), end="")
        return 0 if words else 2
    if words[0] == "--version":
        print(f"piufarm {__version__}")
        return 0
    found = _find(words)
    if found is None:
        return _help_group(words)
    name, rest = found
    try:
        with _ended_by_signals(), Unforeseen(lambda text: print(text, file=sys.stderr)):
            return _run(name, rest)
    except PiufarmError as error:
        _complain(name, error.message, error.hint)
        return error.exit_status
    except _Ended as ended:
        _complain(name, f"ended by {ended.signal.name}")
        return 128 + ended.signal
    except KeyboardInterrupt:
        _complain(name, "interrupted")
        return 130
    except BrokenPipeError:  # whoever read our output went away, as `| head` does; nothing may be flushed to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:  # trouble of the host that nobody foresaw: a full disk, a folder of somebody else's
        _complain(name, f"{error.filename}: {error.strerror}" if error.filename else str(error))
        return FarmError.exit_status


def _help_group(words: Sequence[str]) -> int:
    """Words that are no command: the first may be that of several."""
    is_group = any(name.startswith(f"{words[0]} ") for name in COMMANDS)
    if is_group and words[1:2] in (["-h"], ["--help"], ["help"]):
        print(usage(words[0]), end="")
        return 0
    from difflib import get_close_matches  # loads what no command needs

    asked = " ".join(words[:2]) if is_group else words[0]
    near = [word for word in words[1:2] if is_group and word in COMMANDS] or get_close_matches(asked, COMMANDS, 1, 0.7)
    print(f"piufarm: no command {asked!r}", file=sys.stderr)
    if is_group and not words[1:]:
        print(usage(words[0]), end="", file=sys.stderr)
    elif near:
        print(f"  did you mean `piufarm {near[0]}`?", file=sys.stderr)
    else:
        print(f"  `piufarm {words[0] + ' ' if is_group else ''}--help` lists them", file=sys.stderr)
    return 2


def _run(name: str, words: Sequence[str]) -> int:
    module = importlib.import_module(COMMANDS[name].module)
    parser = _Parser(prog=f"piufarm {name}", description=COMMANDS[name].summary)
    module.configure(parser)
    status: int = module.main(parser.parse_intermixed_args(words))
    return status


class _Parser(argparse.ArgumentParser):
    """Complains of a command line as of everything else: in a line, with a next step."""

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        from difflib import get_close_matches

        command = self.prog.removeprefix("piufarm ")
        _, _, rest = message.partition("unrecognized arguments: ")
        wrong = (word.partition("=")[0] for word in rest.split() if word.startswith("-"))
        near = [match for word in wrong for match in get_close_matches(word, self._option_string_actions, 1, 0.7)]
        guess = f"did you mean {near[0]}? " if near else ""
        _complain(command, message, f"{guess}`{self.prog} --help` explains the options")
        self.exit(2)


def _complain(command: str, text: str, hint: str | None = None) -> None:
    print(f"piufarm {command}: {text}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)


class _Ended(SystemExit):
    """A signal has ended the command: everything that is open is cleaned up on the way out."""

    def __init__(self, number: int) -> None:
        super().__init__(128 + number)
        self.signal = signal.Signals(number)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end a command as Ctrl-C does, unless they are ignored or the command has its own handlers."""

    def end(number: int, _: FrameType | None) -> None:
        for each in before:  # the cleaning up is not interrupted; a handler, because children would inherit SIG_IGN
            signal.signal(each, lambda *_: None)
        raise _Ended(number)

    before = {number: handler for number in _ENDING if (handler := signal.getsignal(number)) is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
