"""The end of a test: nothing of it is left, and what it said is kept."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.run import clean_environment, run
from piufarm.slave.job import processes
from piufarm.slave.job.testrun import Exit, Patience, run_test
from piufarm.slave.job.verdict import Ending
from tests.support.clone import CLONE

PATIENCE = Patience(
    limit_seconds=20, interrupt_seconds=0.4, terminate_seconds=0.4, kill_seconds=5, drain_seconds=0.3
)
# long enough for a shell to start on a busy machine
SHORT = Patience(limit_seconds=2, interrupt_seconds=0.4, terminate_seconds=0.4, kill_seconds=5, drain_seconds=0.3)


@dataclass
class NoStop:
    """Nobody asks for the end, or everybody from the start."""

    abort_requested: bool = False
    cleared: int = 0
    descriptors: list[int] = field(default_factory=list)

    def readable(self) -> list[int]:
        return self.descriptors

    def clear(self) -> None:
        self.cleared += 1


def run_script(script: str, patience: Patience = PATIENCE, stop: NoStop | None = None) -> tuple[Exit, bytes]:
    """Run a piece of shell as a test; its exit and its output."""
    output: list[bytes] = []
    end = run_test(
        ["/bin/bash", "-c", script], output.append, env=clean_environment(), stop=stop or NoStop(), patience=patience
    )
    return end, b"".join(output)


def alive(pid: int) -> bool:
    """Whether a process exists; it may be just on its way out."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] in "ZX":
            return False
        time.sleep(0.02)
    return True


def test_output_of_both_streams_and_the_status_come_through() -> None:
    end, output = run_script("echo one; echo two >&2; exit 7")
    assert end == Exit(7, Ending.ITSELF)
    assert output == b"one\ntwo\n"


def test_a_signal_is_a_negative_status() -> None:
    assert run_script("kill -9 $$")[0] == Exit(-9, Ending.ITSELF)


def test_much_output_is_not_lost() -> None:
    end, output = run_script("head --bytes=5000000 /dev/zero")
    assert (end.status, len(output)) == (0, 5_000_000)


def test_a_test_that_closes_its_output_is_waited_for() -> None:
    end, output = run_script("echo said; exec >&- 2>&-; sleep 0.3; exit 4")
    assert (end, output) == (Exit(4, Ending.ITSELF), b"said\n")


def test_a_test_has_no_input_and_a_clean_environment() -> None:
    _, output = run_script("read line; echo \"$?\"; env -0 | tr '\\0' '\\n' | grep -c SECRET")
    assert output == b"1\n0\n"


def test_what_a_test_leaves_running_is_killed() -> None:
    end, output = run_script("sleep 300 & echo $!; setsid sleep 300 & echo $!; sleep 0.5; exit 0")
    assert end == Exit(0, Ending.ITSELF)
    first = int(output.split()[0])
    assert not alive(first)
    os.kill(int(output.split()[1]), 9)  # a session of its own: the chroot's business, not the slave's


def test_a_test_that_takes_too_long_is_interrupted_and_may_clean_up() -> None:
    end, output = run_script("trap 'echo cleaned up; exit 1' INT; echo started; sleep 300 & wait", SHORT)
    assert end == Exit(1, Ending.TIME_LIMIT)
    assert output == b"started\ncleaned up\n"


def test_a_test_that_ignores_the_interrupt_is_terminated() -> None:
    waiting = "while true; do sleep 300 & wait; done"  # its sleep may be terminated before it is
    end, output = run_script(f"trap '' INT; trap 'echo term; exit 3' TERM; echo started; {waiting}", SHORT)
    assert end == Exit(3, Ending.TIME_LIMIT)
    assert output == b"started\nterm\n"


def test_a_test_that_ignores_everything_is_killed_with_all_its_children() -> None:
    script = "trap '' INT TERM; (trap '' INT TERM; sleep 301) & echo $!; setsid sleep 302 & wait"
    end, output = run_script(script, SHORT)
    assert end == Exit(-9, Ending.TIME_LIMIT)
    assert not alive(int(output))
    assert [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if _is(entry, b"sleep\x00302")] == []


def _is(path: Path, command: bytes) -> bool:
    try:
        return path.read_bytes().startswith(command)
    except OSError:
        return False


def test_a_wish_to_stop_aborts_the_test_at_once() -> None:
    started = time.monotonic()
    end, _ = run_script("sleep 300", stop=NoStop(abort_requested=True))
    assert end.ending is Ending.ABORTED
    assert time.monotonic() - started < 15


def test_a_signal_that_asks_for_nothing_does_not_disturb() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"x")

    class Reading(NoStop):
        def clear(self) -> None:
            self.cleared += 1
            os.read(reader, 1)

    stop = Reading(descriptors=[reader])
    end, output = run_script("sleep 0.2; echo done", stop=stop)
    os.close(reader)
    os.close(writer)
    assert (end, output, stop.cleared) == (Exit(0, Ending.ITSELF), b"done\n", 1)


def test_trouble_with_the_log_ends_the_test_too() -> None:
    def full(data: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        command = ["/bin/bash", "-c", "echo x; exec sleep 303"]
        run_test(command, full, env=clean_environment(), stop=NoStop(), patience=PATIENCE)
    assert [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if _is(entry, b"sleep\x00303")] == []


ORPHANING = """
import os, sys
from piufarm.run import clean_environment
from piufarm.slave.job.testrun import run_test
from tests.slave.worker.test_testrun import NoStop

def sink(data):
    print(data.decode(), end="", flush=True)
    os.kill(os.getpid(), 9)

script = f"trap 'echo cleaned up > {sys.argv[1]}; kill $!; exit 1' INT; sleep 305 & echo $$; wait"
run_test(["/bin/bash", "-c", script], sink, env=clean_environment(), stop=NoStop())
"""


def test_when_the_slave_is_killed_its_test_is_interrupted_and_cleans_up(tmp_path: Path) -> None:
    env = clean_environment(PYTHONPATH=str(CLONE))
    done = run(["/usr/bin/python3", "-c", ORPHANING, tmp_path / "said"], env=env, check=False)
    assert done.status == -9
    assert not alive(int(done.stdout))
    assert (tmp_path / "said").read_text() == "cleaned up\n"


def test_a_program_that_does_not_exist_is_trouble_of_ours() -> None:
    with pytest.raises(FarmError, match="program not found: /nowhere/piuparts"):
        run_test(["/nowhere/piuparts"], print, env=clean_environment(), stop=NoStop(), patience=PATIENCE)


def test_members_are_the_session_and_all_descendants() -> None:
    found: list[set[int]] = []
    expected: list[set[int]] = []

    class Looking(NoStop):
        def readable(self) -> list[int]:
            return []

    def sink(data: bytes) -> None:
        leader, *others = map(int, data.split())
        expected.append({leader, *others})
        found.append(processes.members(leader))

    run_test(
        ["/bin/bash", "-c", "sleep 9 & first=$!; setsid sleep 9 & echo $$ $first $!; sleep 1; kill %1 %2"],
        sink,
        env=clean_environment(),
        stop=Looking(),
        patience=PATIENCE,
    )
    assert found[0] >= expected[0]
    assert len(expected[0]) == 3
