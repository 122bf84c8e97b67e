"""The files in conf/ say what our commands do, and the predecessor's configurations mean what they meant."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from piufarm.__main__ import COMMANDS
from piufarm.config.distros import load_distros
from piufarm.config.load import load
from piufarm.config.settings import SETTINGS
from piufarm.run import run
from tests.support.clone import CLONE, PIUFARM
from tests.support.programs import REAL_ETC, real_version

CONF = CLONE / "conf"
_COMMAND = re.compile(r"\bpiufarm ((?:master|slave) [a-z-]+|[a-z-]+)([^\n>`\"]*)")
# the configurations of real farms; hosts that go without documentation lack them
_REAL_EXAMPLES = Path("/usr/share/doc/piuparts-master/examples")


def sample_files() -> list[Path]:
    """Every file in conf/."""
    return sorted(path for path in CONF.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", sample_files(), ids=lambda path: str(path.relative_to(CONF)))
def test_a_sample_names_only_commands_that_exist(path: Path) -> None:
    named = {found[1].strip() for found in _COMMAND.finditer(path.read_text())}
    assert named <= set(COMMANDS), named - set(COMMANDS)


def test_the_services_start_commands_that_understand_their_options() -> None:
    lines = [
        line.partition("=")[2].replace("%i", "1")
        for unit in (CONF / "systemd").glob("*.service")
        for line in unit.read_text().splitlines()
        if line.startswith("ExecStart=")
    ]
    assert len(lines) == 4
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "/usr/bin/piufarm"
        usage = run([PIUFARM, *words, "--help"]).stdout.decode()
        assert all(word in usage for word in words if word.startswith("--"))


def test_every_timer_has_its_service() -> None:
    timers = list((CONF / "systemd").glob("*.timer"))
    assert timers
    assert all(timer.with_suffix(".service").exists() for timer in timers)


def test_the_sample_distros_load_without_a_warning() -> None:
    distros = load_distros(CONF / "distros.conf")
    assert distros.warnings == ()
    assert distros.base_distro("trixie-next").name == "trixie"


def test_the_sample_configuration_shows_every_new_key_but_those_for_hurried_tests() -> None:
    text = (CONF / "piuparts.conf").read_text()
    new = {setting.key for setting in SETTINGS if setting.is_new}
    assert new - {"reservation-timeout", "reserve-wait"} <= set(re.findall(r"(?m)^#?([a-z-]+) =", text))


@pytest.mark.usefixtures("sshd")  # even to say what it would do, sshd wants its folder in /run
def test_the_sample_ssh_server_accepts_keys_only_and_no_terminal(tmp_path: Path) -> None:
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"])
    config = tmp_path / "sshd_config"
    config.write_text(f"HostKey {tmp_path}/key\nInclude {CONF}/sshd.conf\n")
    effective = run(["/usr/sbin/sshd", "-T", "-C", "user=piupartsm,host=h,addr=127.0.0.1", "-f", config]).stdout
    lines = effective.decode().splitlines()
    assert {"permittty no", "disableforwarding yes", "authenticationmethods publickey"} <= set(lines)


@pytest.mark.peer
def test_the_predecessors_own_configurations_load_without_a_warning() -> None:
    samples = [REAL_ETC / "piuparts.conf", *sorted(_REAL_EXAMPLES.glob("piuparts.conf.*"))]
    print(f"piuparts {real_version()}: {[str(path) for path in samples]}")
    for path in samples:
        configuration = load(path)
        assert configuration.warnings == (), path
        assert configuration.farm.sections
        assert set(configuration.farm.sections) <= set(configuration.sections)
    distros = load_distros(REAL_ETC / "distros.conf")
    assert distros.warnings == ()
    assert len(distros.stanzas) > 20
    assert all(distros.expand(name) and distros.candidates(name) for name in distros.stanzas)
