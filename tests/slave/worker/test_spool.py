"""Nothing is lost, whenever the slave dies."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.outcome import Outcome
from piufarm.run import clean_environment, run
from piufarm.slave.spool import Spool, SpoolBusy
from piufarm.trouble import TroubleKind
from tests.slave.worker.bench import reserved
from tests.support.clone import CLONE

HELLO = reserved("hello", "1:2.10-3~bpo+1")
OTHER = reserved("other", "None")


def written(spool: Spool, text: bytes = b"log\n") -> None:
    with spool.new_log(HELLO) as stream:
        stream.write(text)


def files(spool: Spool) -> set[str]:
    return {str(path.relative_to(spool.directory)) for path in spool.directory.glob("*/*")}


def test_the_life_of_a_package(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.reserve(HELLO)
    assert files(spool) == {"reserved/hello_1:2.10-3~bpo+1.log"}
    written(spool)
    path = spool.finish(HELLO, Outcome.FAIL)
    assert files(spool) == {"fail/hello_1:2.10-3~bpo+1.log"}
    assert path.read_bytes() == b"log\n"
    (log,) = spool.finished()
    assert (log.outcome, log.package, log.version) == (Outcome.FAIL, *HELLO)
    spool.sent(log)
    assert files(spool) == set()


def test_giving_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.reserve(HELLO)
    spool.give_back(HELLO)
    assert spool.reserved() == []
    assert spool.to_give_back() == [HELLO]
    spool.given_back(HELLO)
    assert files(spool) == set()


def test_a_half_written_log_goes_and_its_package_stays_reserved(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    (tmp_path / "new" / HELLO.file_name).write_bytes(b"ha")
    spool.recover()
    assert files(spool) == {f"reserved/{HELLO.file_name}"}


def test_small_files_that_were_being_written_go(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for directory in (tmp_path, tmp_path / "give-back"):
        (directory / ".new-0123456789abcdef").write_text("1800")
    spool.recover()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("where", ["pass", "fail", "untestable", "give-back"])
def test_what_is_finished_or_given_back_is_not_tested_again(tmp_path: Path, where: str) -> None:
    spool = Spool(tmp_path)
    spool.reserve(HELLO)
    (tmp_path / where / HELLO.file_name).write_bytes(b"log\n")
    spool.recover()
    assert files(spool) == {f"{where}/{HELLO.file_name}"}


def test_files_that_are_no_logs_are_left_alone(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for name in ("notes.txt", "a_b_c.log", "nounderscore.log", "x_1.log.xz"):
        (tmp_path / "pass" / name).write_bytes(b"mine")
        (tmp_path / "new" / name).write_bytes(b"mine")
    before = files(spool)
    spool.recover()
    assert files(spool) == before
    assert spool.finished() == []


def test_only_one_slave_holds_a_spool(tmp_path: Path) -> None:
    with Spool(tmp_path).locked(), pytest.raises(SpoolBusy), Spool(tmp_path).locked():
        pass
    with Spool(tmp_path).locked():
        assert (tmp_path / "slave.lock").exists()


def test_evidence_of_trouble_is_bounded(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    for number in range(105):
        entry = reserved(f"package{number:03}")
        with spool.new_log(entry) as stream:
            stream.write(b"evidence\n")
        spool.finish_in_trouble(entry, TroubleKind.DISK)
    kept = sorted(path.name for path in (tmp_path / "trouble").iterdir())
    assert len(kept) == 100
    assert "package104_1.log" in kept and "package000_1.log" not in kept
    assert len(spool.to_give_back()) == 105


DYING = """
import os, sys
from pathlib import Path
from piufarm.names import Package, Version
from piufarm.outcome import Outcome
from piufarm.slave import spool as module

HELLO = module.Reserved(Package("hello"), Version("1:2.10-3~bpo+1"))
steps = int(sys.argv[2])
def dying(function):
    def call(*arguments, **named):
        global steps
        steps -= 1
        if steps < 0:
            os.kill(os.getpid(), 9)
        return function(*arguments, **named)
    return call

for name in ("fsync", "rename", "unlink", "utime", "open", "close"):
    setattr(os, name, dying(getattr(os, name)))
spool = module.Spool(Path(sys.argv[1]))
spool.recover()
spool.reserve(HELLO)
"""

FINISHED = """
with spool.new_log(HELLO) as stream:
    stream.write(b"finished log\\n")
path = spool.finish(HELLO, Outcome.PASS)
print("finished", flush=True)
for log in spool.finished():
    print("sent", flush=True)
    spool.sent(log)
"""

TROUBLED = """
with spool.new_log(HELLO) as stream:
    stream.write(b"evidence\\n")
spool.finish_in_trouble(HELLO, module.TroubleKind.DISK)
print("troubled", flush=True)
for entry in spool.to_give_back():
    assert spool.evidence(entry).path.read_bytes() == b"evidence\\n"
    print("given back", flush=True)
    spool.given_back(entry)
"""


def deaths(tmp_path: Path, life: str) -> Iterator[tuple[bytes, Spool]]:
    """A slave killed at every step of a package's life: what it said before, and what it left."""
    for steps in range(60):
        directory = tmp_path / str(steps)
        env = clean_environment(PYTHONPATH=str(CLONE))
        done = run(["/usr/bin/python3", "-c", DYING + life, directory, str(steps)], env=env, check=False)
        yield done.stdout, Spool(directory)
        if done.status == 0:
            return
    raise AssertionError("never came to the end")


def test_a_slave_killed_at_any_step_loses_no_finished_log(tmp_path: Path) -> None:
    seen = set()
    for output, spool in deaths(tmp_path, FINISHED):
        spool.recover()
        finished = [log.path.read_bytes() for log in spool.finished()]
        assert finished in ([], [b"finished log\n"])
        assert not (finished and spool.reserved())
        assert finished or b"sent" in output or b"finished" not in output
        assert not list((spool.directory / "new").iterdir())
        seen.add((output != b"", bool(finished), spool.reserved() == [HELLO]))
    # reserved only; finished though the slave could not say so; finished; sent
    assert seen >= {(False, False, True), (False, True, False), (True, True, False), (True, False, False)}


def test_a_slave_killed_at_any_step_gives_a_package_in_trouble_back_or_tests_it_again(tmp_path: Path) -> None:
    seen = set()
    for output, spool in deaths(tmp_path, TROUBLED):
        spool.recover()
        assert not (spool.reserved() and spool.to_give_back())
        assert spool.reserved() or spool.to_give_back() or b"given back" in output or output == b""
        for entry in spool.to_give_back():
            found = spool.evidence(entry)
            assert found is not None and found.kind is TroubleKind.DISK and found.path is not None
            assert found.path.read_bytes() == b"evidence\n"
        assert [path.name for path in (spool.directory / "give-back").iterdir()] in ([], [HELLO.file_name])
        seen.add((output != b"", spool.reserved() == [HELLO], spool.to_give_back() == [HELLO]))
    assert seen >= {(False, True, False), (False, False, True), (True, False, True), (True, False, False)}


@given(st.lists(st.sampled_from(["reserve", "give back", "write", "finish", "trouble", "send"]), max_size=12))
def test_whatever_happens_a_package_is_in_one_place(tmp_path_factory: pytest.TempPathFactory, steps: list[str]) -> None:
    spool = Spool(tmp_path_factory.mktemp("spool"))
    new = spool.directory / "new" / HELLO.file_name
    for step in steps:
        match step:
            case "reserve":
                spool.reserve(HELLO)
            case "give back":
                spool.give_back(HELLO)
            case "write":
                written(spool)
            case "finish" if new.exists():
                spool.finish(HELLO, Outcome.PASS)
            case "trouble" if new.exists():
                spool.finish_in_trouble(HELLO, TroubleKind.OTHER)
            case "send":
                for log in spool.finished():
                    spool.sent(log)
    spool.recover()
    assert len(spool.reserved()) + len(spool.to_give_back()) <= 1 or spool.finished() == []
    assert not (spool.reserved() and spool.finished())
    assert not new.exists()
