"""Programs are started in one way: clean environment, no shell, failures that can be replayed."""

from __future__ import annotations

import os
import shlex
import signal
import time
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.run import DEVNULL, PIPE, CommandFailed, clean_environment, run, spawn
from tests.support.clone import CLONE


def shell(script: str) -> list[str]:
    """A command that runs a small script."""
    return ["/bin/sh", "-c", script]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state.rpartition(")")[2].split()[0] not in "ZX"


def test_output_and_status_are_collected_byte_for_byte() -> None:
    ended = run(shell(r"printf '\000\377\r\n.\n'; printf '\033[1m' >&2; exit 7"), check=False)
    assert (ended.status, ended.stdout, ended.stderr) == (7, b"\x00\xff\r\n.\n", b"\x1b[1m")


def test_input_reaches_the_program_byte_for_byte() -> None:
    content = bytes(range(256)) * 4000
    assert run(["cat"], input=content).stdout == content


def test_without_input_the_program_reads_an_end_of_file() -> None:
    assert run(["cat"]).stdout == b""


def test_large_output_on_both_streams_does_not_block() -> None:
    ended = run(shell("head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2"))
    assert (len(ended.stdout), len(ended.stderr)) == (3_000_000, 3_000_000)


def test_words_are_not_interpreted_by_any_shell(tmp_path: Path) -> None:
    words = ["a b", "$HOME", "*", "`id`", "", "-n", "x\ny", "é"]
    printed = run(["/usr/bin/printf", "%s\\0", *words], cwd=tmp_path).stdout
    assert printed.decode().split("\0")[:-1] == words


def test_a_failure_shows_a_command_to_replay_and_the_end_of_its_output() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(shell("echo no space left on 'device'; exit 3"))
    message = caught.value.message
    assert "status 3" in message
    assert shlex.join(shell("echo no space left on 'device'; exit 3")) in message
    assert message.endswith("no space left on device")
    assert isinstance(caught.value, FarmError)


def test_the_message_of_a_chatty_failure_stays_short() -> None:
    with pytest.raises(CommandFailed) as caught:
        run(shell("yes | head -c 100000; exit 1"))
    assert len(caught.value.message) < 3000


def test_a_program_killed_by_a_signal_has_a_negative_status() -> None:
    assert run(shell("kill -9 $$"), check=False).status == -9
    with pytest.raises(CommandFailed):
        run(shell("kill -15 $$"))


def test_a_missing_program_is_the_farms_trouble() -> None:
    with pytest.raises(FarmError, match="program not found: no-such-program"):
        run(["no-such-program", "x"])
    with pytest.raises(FarmError, match="program not found: no-such-program"):
        spawn(["no-such-program", "x"])


def test_a_program_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    with pytest.raises(FarmError, match="longer than"):
        run(shell(f"sleep 1000 & echo $! >{marker}; wait"), timeout_seconds=0.3)
    assert not is_alive(int(marker.read_text()))


def test_a_program_that_ignores_the_polite_request_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("piufarm.run._GRACE_SECONDS", 0.1)
    marker = tmp_path / "pid"
    with pytest.raises(FarmError, match="longer than"):
        run(shell(f"trap '' TERM; echo $$ >{marker}; while :; do sleep 0.1; done"), timeout_seconds=0.3)
    assert not is_alive(int(marker.read_text()))


def test_a_program_in_time_is_not_disturbed() -> None:
    assert run(shell("exit 0"), timeout_seconds=60).status == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_the_program_along(tmp_path: Path, number: signal.Signals) -> None:
    marker = tmp_path / "pid"
    program = (
        "import signal, sys\nfrom piufarm.run import run\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))\n"
        "run(['/bin/sh', '-c', f'sleep 1000 & echo $! >{sys.argv[1]}.new; mv {sys.argv[1]}.new {sys.argv[1]}; wait'])\n"
    )
    child = spawn(["/usr/bin/python3", "-c", program, marker], cwd=CLONE, stderr=DEVNULL)
    while not marker.exists():
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(number)
    assert child.wait(timeout=60) != 0
    assert not is_alive(int(marker.read_text()))


def test_nothing_of_our_environment_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("LD_PRELOAD", "")
    monkeypatch.setenv("PATH", "/nowhere:" + os.environ["PATH"])
    environment = dict(
        line.split("=", 1) for line in run(["/usr/bin/env"]).stdout.decode().splitlines()
    )
    assert environment == clean_environment()
    assert environment["LC_ALL"] == "C.UTF-8"


def test_the_environment_and_the_directory_can_be_chosen(tmp_path: Path) -> None:
    ended = run(shell("pwd; echo $NAME"), cwd=tmp_path, env=clean_environment(NAME="value"))
    assert ended.stdout.decode().split() == [str(tmp_path), "value"]


def test_a_spawned_child_talks_over_pipes_in_a_session_of_its_own() -> None:
    child = spawn(["cat"], stdin=PIPE, stdout=PIPE)
    assert os.getsid(child.pid) == child.pid
    output, _ = child.communicate(b"hello\n", timeout=20)
    assert (output, child.returncode) == (b"hello\n", 0)
