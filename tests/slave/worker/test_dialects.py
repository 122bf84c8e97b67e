"""A master is asked once whether it understands more than the plain protocol; who hangs up is not asked for a day."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.names import SectionName
from piufarm.outcome import Outcome
from piufarm.protocol import Feature
from piufarm.slave.events import Phase
from piufarm.slave.link.dialects import REMEMBERED_SECONDS, Dialect, Dialects
from piufarm.slave.link.masters import Masters
from piufarm.slave.link.route import Target
from piufarm.slave.link.ssh import TurnedAway, Unreachable
from piufarm.slave.loop import Until
from piufarm.slave.section import Mode
from tests.slave.worker.bench import TARGET, Bench, reserved
from tests.slave.worker.fake_master import FakeMaster, FakeWire

SECTION = SectionName("small")


@pytest.fixture
def fresh(bench: Bench) -> Bench:
    """A host that remembers nothing."""
    bench.dialects.forget(TARGET)
    bench.publish("good")
    bench.configure()
    return bench


def test_a_plain_master_is_asked_once_and_then_spoken_to_plainly(fresh: Bench) -> None:
    fresh.master.offers = [("good", "1")]
    assert fresh.turn() == 1
    assert fresh.master.heard == [
        "section small", "features", "section small", "idle", "reserve", "reserve", "status",
        "section small", "pass good 1",
    ]  # fmt: skip
    assert fresh.told(Phase.TROUBLE) == []
    fresh.master.heard.clear()
    fresh.start_again()
    fresh.turn()
    assert fresh.master.heard == ["section small", "idle", "reserve", "status"]


def test_after_a_day_it_is_asked_again(fresh: Bench) -> None:
    fresh.turn()
    (memory,) = [path for path in (fresh.directory / "slave" / "masters").iterdir() if not path.suffix]
    age = memory.stat().st_mtime - REMEMBERED_SECONDS - 1
    os.utime(memory, (age, age))
    fresh.start_again()
    fresh.master.heard.clear()
    fresh.turn()
    assert fresh.master.heard[:3] == ["section small", "features", "section small"]


def test_a_master_with_features_is_asked_in_every_connection_and_once(fresh: Bench) -> None:
    fresh.master.features = frozenset({Feature.WHY})
    fresh.master.offers = [("good", "1")]
    fresh.loop(Until.ONE_ROUND)
    assert fresh.master.heard.count("features") == fresh.master.sessions
    assert fresh.dialects.recall(TARGET) is Dialect.FEATURES


def test_a_master_that_had_features_and_hangs_up_is_not_taken_for_a_plain_one_at_once(fresh: Bench) -> None:
    fresh.master.features = frozenset({Feature.LEASE})
    fresh.turn()
    fresh.start_again()
    fresh.master.hangs_up_on = "features"
    fresh.turn()
    assert fresh.told(Phase.TROUBLE) == ["the master hung up instead of answering `features`"]
    fresh.start_again()
    fresh.master.offers = [("good", "1")]
    fresh.turn()
    assert "lease" in fresh.master.heard


def test_a_connection_that_breaks_at_the_question_says_nothing_about_the_master(fresh: Bench) -> None:
    class Broken(FakeWire):
        def read(self) -> bytes:
            data = super().read()
            if not data:
                raise Unreachable("lost the connection")
            return data

    masters = Masters(lambda target: Broken(fresh.master), fresh.dialects)
    with pytest.raises(Unreachable):
        masters.session(TARGET, SECTION)
    assert fresh.dialects.recall(TARGET) is None


def test_slaves_of_one_host_that_start_together_ask_once(fresh: Bench) -> None:
    def work() -> None:
        masters = Masters(fresh.master.connect, fresh.dialects)
        masters.session(TARGET, SECTION)
        masters.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert fresh.master.heard.count("features") == 1
    assert fresh.master.heard.count("section small") == 9


@pytest.mark.parametrize("features", [None, frozenset({Feature.ZSTD})])
def test_a_disk_with_no_room_for_the_memory_does_not_keep_logs_from_the_master(
    fresh: Bench, features: frozenset[Feature] | None
) -> None:
    fresh.master.features = features
    with fresh.spool().new_log(reserved("good")) as stream:
        stream.write(b"log\n")
    fresh.spool().finish(reserved("good"), Outcome.PASS)
    shutil.rmtree(fresh.dialects.directory)
    fresh.dialects.directory.write_text("here nobody can make a file")
    fresh.turn(Mode.FLUSH)
    assert fresh.told(Phase.TROUBLE) == []
    assert set(fresh.master.results) == {"pass/good_1"}
    assert fresh.files() == []


def test_each_master_account_and_command_has_its_own_memory(tmp_path: Path) -> None:
    dialects = Dialects(tmp_path / "masters")
    dialects.remember(TARGET, Dialect.PLAIN)
    others = [Target("other", None, "x"), Target(TARGET.host, "user", TARGET.command), Target(TARGET.host, None, "x")]
    assert [dialects.recall(target) for target in others] == [None] * 3
    assert dialects.recall(TARGET) is Dialect.PLAIN
    dialects.forget(TARGET)
    assert dialects.recall(TARGET) is None


@pytest.mark.parametrize("content", [b"", b"\0" * 9, b"\xff plain\n"])
def test_a_damaged_memory_is_none(tmp_path: Path, content: bytes) -> None:
    dialects = Dialects(tmp_path)
    dialects.remember(TARGET, Dialect.PLAIN)
    (memory,) = tmp_path.iterdir()
    memory.write_bytes(content)
    assert dialects.recall(TARGET) is None


def refusing(master: FakeMaster, times: int) -> Callable[[Target], FakeWire]:
    """A way to the master that is turned away at the door so many times."""
    left = [times]

    def connect(target: Target) -> FakeWire:
        left[0] -= 1
        if left[0] >= 0:
            raise TurnedAway("cannot log in")
        return master.connect(target)

    return connect


def test_where_a_crowd_is_before_the_door_the_slave_tries_again_after_moments_of_different_length(
    fresh: Bench,
) -> None:
    pauses: list[list[float]] = []
    for _ in range(2):
        pauses.append([])
        masters = Masters(refusing(fresh.master, 3), fresh.dialects, pause=pauses[-1].append)
        masters.session(TARGET, SECTION)
    assert [len(those) for those in pauses] == [3, 3]
    assert pauses[0] != pauses[1]
    assert all(0 < seconds <= 10 for those in pauses for seconds in those)


def test_a_door_that_stays_shut_is_trouble(fresh: Bench) -> None:
    masters = Masters(refusing(fresh.master, 4), fresh.dialects, pause=lambda _: None)
    with pytest.raises(FarmError, match="cannot log in"):
        masters.session(TARGET, SECTION)
