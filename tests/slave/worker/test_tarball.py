"""Base tarballs."""

from __future__ import annotations

import fcntl
import os
import re
import time
from pathlib import Path

import pytest

from piufarm.config.distros import Distros
from piufarm.names import SectionName
from piufarm.slave.job.command_line import CommandLine
from piufarm.slave.section import Mode
from piufarm.slave.tarball import NoBase, TarballKeeper
from tests.slave.worker.bench import HALF, SECTION, Bench

DAY = 86400


def keeper(bench: Bench, **extra: str) -> TarballKeeper:
    configuration = bench.configure({key.replace("_", "-"): value for key, value in extra.items()})
    section = configuration.sections[SECTION]
    commands = CommandLine(section, Distros(), None)
    return TarballKeeper(section, commands, configuration, bench.interrupts, patience=bench.patience)


def made(keeper_: TarballKeeper, age: float, attempt_age: float | None = None) -> Path:
    """A tarball of this age, with a log of the last attempt."""
    path = keeper_.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("old\n")
    os.utime(path, (time.time() - age,) * 2)
    if attempt_age is not None:
        keeper_.log.write_text("log\n")
        os.utime(keeper_.log, (time.time() - attempt_age,) * 2)
    return path


def test_a_missing_tarball_is_made_and_its_log_kept(bench: Bench) -> None:
    base = keeper(bench)
    base.ensure()
    assert base.path.read_text() == "base\n"
    assert not base.path.with_name(base.path.name + ".new").exists()
    log = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", base.log.read_text())
    assert log.startswith("Start: TIME GMT\n\nExecuting: ")
    assert f"-d one -s {base.path}.new --no-install-purge-test --no-upgrade-test --apt TARBALL\n" in log
    assert log.endswith("\nret=0\nEnd: TIME GMT\n")


def test_a_young_tarball_is_left_alone(bench: Bench) -> None:
    base = keeper(bench)
    assert made(base, 5 * DAY).read_text() == "old\n"
    base.ensure()
    assert base.path.read_text() == "old\n"
    assert not base.log.exists()


def test_an_old_tarball_is_made_anew(bench: Bench) -> None:
    base = keeper(bench)
    made(base, 31 * DAY, attempt_age=31 * DAY)
    base.ensure()
    assert base.path.read_text() == "base\n"


def test_an_old_tarball_without_a_log_is_made_anew(bench: Bench) -> None:
    base = keeper(bench)
    made(base, 31 * DAY)
    base.ensure()
    assert base.path.read_text() == "base\n"


def test_an_old_tarball_is_not_tried_again_too_soon(bench: Bench) -> None:
    base = keeper(bench)
    made(base, 31 * DAY, attempt_age=3600)
    base.ensure()
    assert base.path.read_text() == "old\n"


@pytest.mark.parametrize("limit", ["0", "-1"])
def test_a_tarball_without_a_limit_never_gets_too_old(bench: Bench, limit: str) -> None:
    base = keeper(bench, max_tgz_age=limit)
    made(base, 3000 * DAY, attempt_age=3000 * DAY)
    base.ensure()
    assert base.path.read_text() == "old\n"


def test_with_a_negative_limit_a_missing_tarball_is_not_made(bench: Bench) -> None:
    base = keeper(bench, max_tgz_age="-1")
    with pytest.raises(NoBase, match="there is no base tarball"):
        base.ensure()


def test_a_failed_attempt_keeps_the_old_tarball(bench: Bench) -> None:
    bench.tester.write_text(f"#!/bin/sh\n{HALF}\nexit 1\n")
    base = keeper(bench)
    made(base, 31 * DAY)
    base.ensure()
    assert base.path.read_text() == "old\n"
    assert "ret=1" in base.log.read_text()
    assert not base.path.with_name(base.path.name + ".new").exists()


def test_a_failed_first_attempt_is_no_base(bench: Bench) -> None:
    bench.tester.write_text("#!/bin/sh\nexit 1\n")
    base = keeper(bench)
    with pytest.raises(NoBase) as caught:
        base.ensure()
    assert caught.value.hint == f"see {base.log}"


def test_while_another_slave_makes_it_the_old_one_is_used_and_its_log_not_touched(bench: Bench) -> None:
    base = keeper(bench)
    made(base, 31 * DAY, attempt_age=31 * DAY)
    with base.log.open("ab") as log:
        fcntl.flock(log, fcntl.LOCK_EX)
        base.ensure()
    assert base.path.read_text() == "old\n"
    assert base.log.read_text() == "log\n"


def test_without_a_base_a_section_waits_five_minutes_but_delivers(bench: Bench) -> None:
    bench.publish("good")
    bench.configure({"max-tgz-age": "-1"})
    worker = bench.worker()
    bench.master.offers = [("good", "1")]
    assert worker.turn(Mode.NORMAL) == 0
    assert worker.wake == 300.0
    assert bench.master.offers == [("good", "1")]


def test_a_section_that_only_keeps_a_tarball_talks_to_nobody(bench: Bench) -> None:
    bench.configure({"distro": "None", "upgrade-test-distros": "one"})
    worker = bench.worker()
    worker.turn(Mode.NORMAL)
    assert bench.master.sessions == 0
    assert keeper(bench, distro="None", upgrade_test_distros="one").path.exists()
    assert 29 * DAY < worker.wake < 31 * DAY


def test_a_missing_schroot_says_what_to_do(bench: Bench) -> None:
    base = keeper(bench, chroot_backend="schroot", piuparts_command=bench.own_tester)
    with pytest.raises(NoBase, match="there is no schroot called piufarm-one-") as caught:
        base.ensure()
    assert "piufarm slave setup-schroot" in str(caught.value.hint)


def test_the_name_of_the_tarball(bench: Bench) -> None:
    arch = bench.configure().sections[SectionName("small")].arch
    assert keeper(bench).path.name == f"one_{arch}.tar.gz"
    assert keeper(bench, piuparts_flags="--merged-usr -x").path.name == f"one-merged-usr_{arch}.tar.gz"
    assert keeper(bench, upgrade_test_distros="zero one").path.name == f"zero_{arch}.tar.gz"
    assert keeper(bench, chroot_tgz="mine.tar.gz", basetgz_directory="/srv").path == Path("/srv/mine.tar.gz")
