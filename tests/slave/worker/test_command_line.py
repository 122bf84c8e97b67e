"""The command lines, word for word."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from piufarm.config.distros import Distros
from piufarm.slave.job.command_line import CommandLine, is_own_tester, own_tester
from tests.slave.worker.bench import SECTION, Bench, reserved

BASE = Path("/srv/one.tar.gz")
PLAIN = {"mirror": "", "archive-keyring": "", "check-valid-until": "yes", "arch": "amd64", "piuparts-command": "p"}


def line(bench: Bench, *, proxy: str | None = None, metadata: Path | None = None, **extra: str) -> str:
    values = {**PLAIN, **{key.replace("_", "-"): value for key, value in extra.items()}}
    section = bench.configure(values).sections[SECTION]
    return shlex.join(CommandLine(section, Distros(), proxy).test(reserved("pkg", "1"), BASE, metadata=metadata))


def test_an_install_test(bench: Bench) -> None:
    assert line(bench) == "p --arch amd64 -b /srv/one.tar.gz -d one --no-upgrade-test --apt pkg=1"


def test_everything_in_its_order(bench: Bench) -> None:
    words = line(
        bench,
        proxy="http://localhost:3128",
        piuparts_command="sudo  piuparts",
        piuparts_flags="-x --scriptsdir /s",
        setarch="linux32 --verbose",
        mirror="http://mirror.example/debian",
        components="main contrib",
        tmpdir="/srv/tmp",
        keep_sources_list="yes",
    )
    assert words == (
        "setarch linux32 --verbose sudo piuparts -x --scriptsdir /s --proxy http://localhost:3128 "
        "--mirror 'http://mirror.example/debian main contrib' --tmpdir /srv/tmp --arch amd64 -b /srv/one.tar.gz "
        "-d one --no-upgrade-test --keep-sources-list --apt pkg=1"
    )


def test_an_upgrade_test_with_a_reference_that_is_to_be_written_or_read(bench: Bench, tmp_path: Path) -> None:
    path = tmp_path / "meta.dat"
    common = "p --arch amd64 -b /srv/one.tar.gz -d one -d two"
    assert line(bench, upgrade_test_distros="one two") == f"{common} --apt pkg=1"
    assert line(bench, metadata=path, upgrade_test_distros="one two") == f"{common} -S {path} --apt pkg=1"
    path.touch()
    assert line(bench, metadata=path, upgrade_test_distros="one two") == f"{common} -B {path} --apt pkg=1"


def test_our_tester_is_told_what_to_trust(bench: Bench) -> None:
    assert line(bench, piuparts_command="/x/piufarm test", archive_keyring="/k.gpg", check_valid_until="no") == (
        "/x/piufarm test --compat --keyring /k.gpg --no-check-valid-until --arch amd64 -b /srv/one.tar.gz -d one "
        "--no-upgrade-test --apt pkg=1"
    ).replace("-b /srv/one.tar.gz", _base(bench))


def _base(bench: Bench) -> str:
    """How our tester gets its base by default: root has overlays, others schroots."""
    section = bench.configure({**PLAIN, "piuparts-command": ""}).sections[SECTION]
    return "-b /srv/one.tar.gz" if section.chroot_backend == "overlay" else "--schroot piufarm-one-amd64"


def test_our_tester_is_the_default_and_takes_a_schroot_by_name(bench: Bench) -> None:
    words = line(bench, piuparts_command="", chroot_backend="schroot")
    options = "--compat --arch amd64 --schroot piufarm-one-amd64 -d one --no-upgrade-test --apt pkg=1"
    assert words == f"{shlex.join(own_tester())} {options}"


def test_a_strict_section_wants_more_than_the_predecessor_found_and_only_our_tester_hears_of_it(bench: Bench) -> None:
    assert "--compat" not in line(bench, piuparts_command="", strict="yes")
    assert line(bench, strict="yes") == line(bench, strict="no")


def test_layers_get_the_room_that_the_section_gives_them(bench: Bench) -> None:
    section = bench.configure({**PLAIN, "piuparts-command": "", "layers-disk": "512"}).sections[SECTION]
    commands, entry, result = CommandLine(section, Distros(), None), reserved("pkg", "1"), Path("/r")
    planning = shlex.join(commands.plan([entry], BASE, Path("/plan")))
    assert planning.endswith("--plan-layers /plan --layers-disk 512 --apt pkg=1")
    on_layers = shlex.join(commands.test(entry, BASE, result=result, extra=["--layers", "/plan"]))
    assert on_layers.endswith("--result /r --layers /plan --layers-disk 512 --apt pkg=1")
    assert "--layers-disk" not in commands.test(entry, BASE, result=result)


def test_another_tester_always_gets_a_tarball(bench: Bench) -> None:
    assert "-b /srv/one.tar.gz" in line(bench, chroot_backend="schroot")


@pytest.mark.parametrize(
    ("command", "ours"),
    [
        ((), True),
        (("/usr/bin/piufarm", "test"), True),
        (("timeout", "80m", "piufarm", "test"), True),
        (("sudo", "piuparts"), False),
        (("test",), False),
        (("notpiufarm", "test"), False),
        (("piufarm", "test", "-x"), False),
    ],
)
def test_whose_tester_it_is(command: tuple[str, ...], ours: bool) -> None:
    assert is_own_tester(command) is ours


def test_our_tester_exists(bench: Bench) -> None:
    assert Path(own_tester()[0]).exists()
    assert own_tester()[-1] == "test"
    assert bench.directory.exists()


def test_a_test_gets_a_clean_environment_and_the_configuration(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/secret")
    monkeypatch.setenv("http_proxy", "http://localhost:3128")
    configuration = bench.configure()
    env = CommandLine(configuration.sections[SECTION], Distros(), None).environment(configuration)
    assert "SSH_AUTH_SOCK" not in env
    assert env["PIUPARTS_CONF"] == str(configuration.path)
    assert env["http_proxy"] == "http://localhost:3128"
    assert "PIUFARM_CACHE" in env
