"""`piufarm slave run` as a whole, against our own master behind a real sshd."""

from __future__ import annotations

import argparse
import hashlib
import json
import signal
from pathlib import Path

import pytest

from piufarm.config.load import load
from piufarm.errors import UsageError
from piufarm.names import SectionName
from piufarm.run import STDOUT, clean_environment, run, spawn
from piufarm.slave import run_command
from tests.slave.worker.bench import Bench
from tests.support.clone import PIUFARM
from tests.support.ssh import SshDoor
from tests.support.wait import wait_until

SLAVE = "worker"


@pytest.fixture
def farm(bench: Bench, sshd: SshDoor, tmp_path: Path) -> Bench:
    """A configuration for a master of ours and a slave that logs in to it by a real sshd."""
    bench.publish("good", "bad", "trouble")
    master = str(tmp_path / "m")
    bench.configure({"piuparts-command": bench.own_tester, "chroot-backend": "overlay", "master-directory": master})
    config = bench.directory / "etc" / "piuparts.conf"
    sshd.admit(SLAVE, f"{PIUFARM} master session --slave {SLAVE} --config {config}")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text(sshd.client_config(sshd.identity(SLAVE)))
    return bench


def piufarm(farm: Bench, tmp_path: Path, *words: str) -> tuple[int, str]:
    config = farm.directory / "etc" / "piuparts.conf"
    env = clean_environment(HOME=str(tmp_path), PIUFARM_CACHE=str(farm.directory / "cache"))
    done = run([PIUFARM, *words, "--config", config], env=env, check=False, timeout_seconds=120)
    return done.status, (done.stdout + done.stderr).decode()


def test_a_round_against_our_master(farm: Bench, tmp_path: Path) -> None:
    assert piufarm(farm, tmp_path, "master", "refresh")[0] == 0
    events = tmp_path / "events.jsonl"
    status, said = piufarm(farm, tmp_path, "slave", "run", "--once", "--json-events", str(events))
    assert status == 0, said
    assert "small good 1  pass" in said and "small bad 1  fail" in said
    assert "small trouble 1  trouble: no result (other), given back" in said
    logs = {f"{path.parent.name}/{path.name}" for path in (tmp_path / "m" / "small").glob("*/*_1.log")}
    assert logs == {"pass/good_1.log", "fail/bad_1.log"}
    told = [json.loads(line) for line in events.read_text().splitlines()]
    lives = {name: [event["phase"] for event in told if event.get("package") == name] for name in ("good", "trouble")}
    assert lives["good"] == ["reserved", "testing", "tested", "sent"]
    assert lives["trouble"][:4] == ["reserved", "testing", "trouble", "given-back"]


def test_the_log_arrives_as_it_was_written(farm: Bench, tmp_path: Path) -> None:
    """The tester prints what no log should hold; the slave makes it harmless before it sends it."""
    program = farm.directory / "piufarm"
    program.write_text(program.read_text().replace("*) echo", "*) printf 'caf\\xe9 \\x1b[1m\\x00\\r\\n.\\n'; echo"))
    piufarm(farm, tmp_path, "master", "refresh")
    door = (farm.directory / "etc" / "piuparts.conf").read_text()
    (farm.directory / "etc" / "piuparts.conf").write_text(door.replace("max-reserved = 5", "max-reserved = 1"))
    sent = farm.place.directory / "small" / "pass" / "good_1.log"
    status, said = piufarm(farm, tmp_path, "slave", "run", "--until-idle")
    assert status == 0, said
    assert not sent.exists()
    log = (tmp_path / "m" / "small" / "pass" / "good_1.log").read_bytes()
    assert b"\ncaf\\xe9 [ESC][1m\x00\n.\n0m0.1s INFO: piuparts run ends.\n" in log
    assert len(hashlib.sha256(log).hexdigest()) == 64


def test_usr1_starts_the_slave_anew_in_the_same_process(farm: Bench, tmp_path: Path) -> None:
    assert piufarm(farm, tmp_path, "master", "refresh")[0] == 0
    events = tmp_path / "events.jsonl"
    env = clean_environment(HOME=str(tmp_path), PIUFARM_CACHE=str(farm.directory / "cache"))
    words = ["--json-events", str(events), "--config", str(farm.directory / "etc" / "piuparts.conf")]

    def phases() -> list[str]:
        return [json.loads(line)["phase"] for line in events.read_text().splitlines()] if events.exists() else []

    with (tmp_path / "said").open("wb") as output:
        slave = spawn([PIUFARM, "slave", "run", *words], env=env, stdout=output, stderr=STDOUT)
        try:
            wait_until(lambda: phases()[-1:] == ["idle"], "an idle slave")
            slave.send_signal(signal.SIGUSR1)
            wait_until(lambda: phases().count("started") == 2, "a new start")
            wait_until(lambda: phases()[-1:] == ["idle"], "an idle slave again")
            slave.send_signal(signal.SIGINT)
            assert slave.wait(60) == 1
        finally:
            slave.kill()
            slave.wait()
    assert phases().count("ended") == 2
    said = (tmp_path / "said").read_text()
    assert "the slave starts itself anew" in said and "Traceback" not in said


def test_an_unreachable_master_is_an_error_with_exit_status_1(farm: Bench, tmp_path: Path) -> None:
    (tmp_path / ".ssh" / "config").write_text("Host farm-master\n HostName 127.0.0.1\n Port 1\n")
    status, said = piufarm(farm, tmp_path, "slave", "run", "--once")
    assert status == 1
    assert "trouble: cannot reach 127.0.0.1 port 1: Connection refused" in said
    assert "Traceback" not in said


def test_sections_are_those_asked_for_or_all_configured(bench: Bench) -> None:
    configuration = bench.configure({"basetgz-sections": "base"}, sections=("one", "two"))
    path = configuration.path
    path.write_text(path.read_text() + "[base]\n")
    configuration = load(path)
    assert run_command.choose_sections(configuration, []) == ["one", "two", "base"]
    assert run_command.choose_sections(configuration, ["two", "none", "two"]) == ["two"]
    with pytest.raises(UsageError, match=r"none of the sections is configured: none \.\./x") as caught:
        run_command.choose_sections(configuration, ["none", "../x"])
    assert "one two base" in str(caught.value.hint)


def test_a_broken_configuration_does_not_end_a_running_slave(bench: Bench) -> None:
    told: list[str] = []
    configuration = bench.configure()
    settings = run_command.Settings(configuration, lambda event: told.append(event.text))
    assert settings().sections[SectionName("small")].max_reserved == 5
    path = configuration.path
    good = path.read_text()
    path.write_text(good.replace("max-reserved = 5", "max-reserved = many"))
    assert settings().sections[SectionName("small")].max_reserved == 5
    settings()
    assert len(told) == 1 and "going on with the configuration as it was" in told[0]
    path.write_text(good.replace("max-reserved = 5", "max-reserved = 7"))
    assert settings().sections[SectionName("small")].max_reserved == 7


@pytest.mark.parametrize("words", [["--number", "0"], ["--number", "x"], ["--once", "--until-idle"]])
def test_options_that_make_no_sense_are_usage_errors(words: list[str]) -> None:
    parser = argparse.ArgumentParser()
    run_command.configure(parser)
    with pytest.raises(SystemExit) as caught:
        parser.parse_args(words)
    assert caught.value.code == 2
