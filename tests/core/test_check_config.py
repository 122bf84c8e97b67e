"""`piufarm check-config`, as its users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from piufarm.__main__ import main
from piufarm.config.reference import distros_reference, settings_reference
from piufarm.config.settings import SETTINGS
from tests.support.clone import CLONE

TEXT = """\
[global]
sections = sid exp
mirror = http://mirror.invalid/debian
piuparts-command = sudo piuparts

[sid]
distro = sid
piuparts-command =
doc-rot = /x

[exp]
distro = experimental
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "piuparts.conf"
    file.write_text(TEXT)
    (tmp_path / "distros.conf").write_text("[experimental]\ndepends = sid\n")
    return file


def test_every_value_is_shown_with_its_origin(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(config)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [str(config), f"{config.parent}/distros.conf (1 distros)"]
    words = [line.split() for line in lines]
    assert ["sections", "sid", "exp", "line", "2"] in words
    assert ["mirror", "http://mirror.invalid/debian", "[global]", "line", "3"] in words
    assert ["distro", "experimental", "line", "12"] in words
    assert ["max-reserved", "1", "default"] in words
    shown = {line[0] for line in words if line}
    assert {setting.key for setting in SETTINGS} <= shown


def test_sections_that_run_the_real_program_are_pointed_to_our_tester(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["check-config", "--config", str(config)])
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    assert len(notes) == 1
    assert notes[0].startswith("note: [exp]: piuparts-command runs the piuparts program.")


def test_warnings_are_shown_and_do_not_fail(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(config), "--set", "sid"]) == 0
    output = capsys.readouterr().out
    assert f"warning: {config}:9: [sid] doc-rot: unknown key; did you mean doc-root?" in output
    assert "[exp]" not in output
    assert "max-reserved" not in output, "--set leaves defaults out"


def test_json_gives_values_as_types_with_origin_and_line(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(config), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["farm"]["sections"] == {"value": ["sid", "exp"], "origin": "[global]", "line": 2}
    assert document["sections"]["sid"]["max-reserved"] == {"value": 1, "origin": "default", "line": None}
    assert document["sections"]["sid"]["expire-old-days"]["value"] == "0"
    assert document["sections"]["exp"]["piuparts-command"]["value"] == ["sudo", "piuparts"]
    assert (len(document["warnings"]), len(document["notes"]), document["errors"]) == (1, 1, [])


def test_errors_are_all_shown_and_give_status_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text("[sid]\nmax-reserved = x\nidle-sleep = y\n")
    assert main(["check-config", "--config", str(config)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert [line.partition(" ")[0] for line in captured.err.splitlines() if not line.startswith("  ")] == ["error:"] * 2
    assert main(["check-config", "--config", str(config), "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["errors"]) == 2


def test_an_error_in_distros_conf_gives_status_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (config.parent / "distros.conf").write_text("[a]\nuri = None\n")
    assert main(["check-config", "--config", str(config)]) == 2
    assert "a virtual distro without parents" in capsys.readouterr().err


def test_an_unknown_section_is_a_usage_error(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(config), "sidd"]) == 2
    assert "no section 'sidd'" in capsys.readouterr().err


def test_the_list_of_keys_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", "/nowhere", "--keys"]) == 0
    assert capsys.readouterr().out == settings_reference()


def test_the_manuals_hold_the_reference_of_all_keys() -> None:
    """To renew the tables: `piufarm check-config --keys`, and piufarm.config.reference.distros_reference()."""
    assert settings_reference() in (CLONE / "docs/piuparts.conf.md").read_text()
    assert distros_reference() in (CLONE / "docs/distros.conf.md").read_text()


def test_the_samples_load_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", "--config", str(CLONE / "conf/piuparts.conf")]) == 0
    assert "warning" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://farm:sesame@db.example/piufarm",
        "postgresql://farm:open:ses@me@db.example:5433/piufarm",
        "postgresql:///piufarm?user=farm&password=sesame&host=/run/postgresql",
        "postgres://farm:sesame@not-the-right-scheme/piufarm",
    ],
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_a_password_is_never_shown(
    config: Path, url: str, form: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    config.write_text(TEXT.replace("[global]", f"[global]\nstate = {url}\nproxy = http://me:sesame@proxy:3128"))
    main(["check-config", "--config", str(config), *form])
    shown = capsys.readouterr()
    assert "sesame" not in shown.out + shown.err
    assert "ses@me" not in shown.out + shown.err
    assert "***" in shown.out + shown.err
