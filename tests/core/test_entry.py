"""How commands begin and end, whichever they are."""

from __future__ import annotations

import importlib
import signal
import sys

import pytest

from piufarm import __main__ as entry
from piufarm.run import PIPE, clean_environment, run, spawn
from tests.support.clone import CLONE, PIUFARM


def _interrupted_import(name: str) -> None:
    raise KeyboardInterrupt(name)


def test_a_ctrl_c_while_a_command_is_being_imported_ends_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib, "import_module", _interrupted_import)
    assert entry.main(["report"]) == 130
    assert capsys.readouterr().err == "piufarm report: interrupted\n"


def test_a_ctrl_c_while_the_program_itself_is_being_imported_ends_quietly() -> None:
    program = (
        "import builtins, runpy, sys\nreal = builtins.__import__\n"
        "def interrupted(name, *rest):\n"
        "    if name == 'argparse':\n        raise KeyboardInterrupt\n    return real(name, *rest)\n"
        f"builtins.__import__ = interrupted\nrunpy.run_path({str(PIUFARM)!r}, run_name='__main__')\n"
    )
    completed = run([sys.executable, "-c", program], check=False)
    assert (completed.status, completed.stdout, completed.stderr) == (130, b"", b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_command_by_way_of_its_cleaning_up(number: signal.Signals) -> None:
    program = (
        "import os, sys, types\nfrom piufarm import __main__ as entry\n"
        "def work(arguments):\n    try:\n"
        f"        os.kill(os.getpid(), {int(number)})\n"
        "    finally:\n"
        f"        os.kill(os.getpid(), {int(number)})\n        print('cleaned up')\n"
        "module = types.SimpleNamespace(configure=lambda parser: None, main=work)\n"
        "entry.importlib.import_module = lambda name: module\nsys.exit(entry.main(['report']))\n"
    )
    child = spawn([sys.executable, "-c", program], cwd=CLONE, stdout=PIPE, stderr=PIPE)
    out, err = child.communicate()
    assert (child.returncode, out) == (128 + number, b"cleaned up\n")
    assert err.decode() == f"piufarm report: ended by {number.name}\n"


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """As of `nohup piufarm …`."""
    program = (
        "import os, signal, sys, types\nfrom piufarm import __main__ as entry\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "module = types.SimpleNamespace(configure=lambda p: None, main=lambda a: os.kill(os.getpid(), 1) or 7)\n"
        "entry.importlib.import_module = lambda name: module\nsys.exit(entry.main(['report']))\n"
    )
    assert run([sys.executable, "-c", program], cwd=CLONE, check=False).status == 7


def test_trouble_of_the_host_that_nobody_foresaw_is_one_line_and_no_verdict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(name: str) -> None:
        raise OSError(28, "No space left on device", "/somewhere")

    monkeypatch.setattr(importlib, "import_module", full)
    assert entry.main(["test"]) == 3
    assert capsys.readouterr().err == "piufarm test: /somewhere: No space left on device\n"


def test_a_locale_that_lacks_our_characters_is_no_trouble() -> None:
    shown = run([PIUFARM, "--help"], env=clean_environment(PYTHONIOENCODING="ascii"))
    assert shown.stdout.startswith(b"usage: piufarm COMMAND [OPTION\\u2026]\n")
    assert shown.stderr == b""


def test_the_commands_of_a_group_are_explained_together(capsys: pytest.CaptureFixture[str]) -> None:
    assert entry.main(["master", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "  master refresh " in shown
    assert "  slave run " not in shown
    assert entry.main(["slave"]) == 2
    assert "  slave run " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("master statsu", "did you mean `piufarm master status`?"),
        ("master why hello", "did you mean `piufarm why`?"),
        ("checkconfig", "did you mean `piufarm check-config`?"),
        ("slave zzz", "`piufarm slave --help` lists them"),
        ("zzz", "`piufarm --help` lists them"),
    ],
)
def test_who_asks_for_no_command_is_told_what_there_is(
    capsys: pytest.CaptureFixture[str], words: str, hint: str
) -> None:
    assert entry.main(words.split()) == 2
    assert capsys.readouterr().err.splitlines()[1].strip() == hint


@pytest.mark.parametrize(
    ("words", "complaint", "hint"),
    [
        ("test --distributon sid x", "unrecognized arguments: --distributon",
         "did you mean --distribution? `piufarm test --help` explains the options"),
        ("master refresh -Q", "unrecognized arguments: -Q", "`piufarm master refresh --help` explains the options"),
        ("test --log-level", "argument --log-level: expected one argument",
         "`piufarm test --help` explains the options"),
    ],
)
def test_an_option_that_is_none_is_told_in_a_line_with_a_next_step(
    capsys: pytest.CaptureFixture[str], words: str, complaint: str, hint: str
) -> None:
    command = "master refresh" if words.startswith("master") else "test"
    with pytest.raises(SystemExit) as ended:
        entry.main(words.split())
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines() == [f"piufarm {command}: {complaint}", f"  {hint}"]
