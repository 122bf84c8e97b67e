"""`piufarm report` as it is typed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from piufarm.__main__ import main
from piufarm.outcome import Outcome
from tests.report import logs
from tests.report.sample import SID, SampleFarm, fill, index_package


def _run(farm: SampleFarm, *words: str) -> int:
    return main(["report", "--config", str(farm.directory / "piuparts.conf"), *words])


def test_it_renders_and_says_in_one_line_what_it_did(farm: SampleFarm, capsys: pytest.CaptureFixture[str]) -> None:
    store = farm.open()
    fill(store, SID, [index_package("aa")])
    farm.add_run(store, SID, "aa", "1.0-1", Outcome.PASS, logs.passing("aa", "1.0-1"))
    store.close()
    assert _run(farm) == 0
    output = capsys.readouterr()
    said = re.fullmatch(r"1 section: ([\d,]+) files written, 0 unchanged, 0 removed, \d+\.\d s; see (.+)\n", output.out)
    assert said
    assert said.group(2) == str(farm.output / "index.html")
    assert output.err == ""
    assert (farm.output / "index.html").is_file()


def test_it_renders_elsewhere_when_told(farm: SampleFarm, tmp_path: Path) -> None:
    assert _run(farm, "--output", str(tmp_path / "elsewhere"), "sid") == 0
    assert (tmp_path / "elsewhere/sid/index.html").is_file()
    assert not farm.output.exists()


def test_an_unknown_section_is_refused_with_the_known_ones(
    farm: SampleFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(farm, "buster") == 2
    assert capsys.readouterr().err == "piufarm report: no section 'buster' in the site\n  sections: sid\n"


def test_a_store_that_is_not_there_is_said_so_and_the_status_is_one(
    farm: SampleFarm, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(farm.store_url.removeprefix("sqlite://")).unlink()
    assert _run(farm) == 1
    output = capsys.readouterr()
    assert "section sid was not rendered" in output.err
    assert "Traceback" not in output.err


def test_a_site_that_cannot_be_written_is_said_so(farm: SampleFarm, capsys: pytest.CaptureFixture[str]) -> None:
    farm.output.write_text("a file is in the way")
    assert _run(farm) == 3
    error = capsys.readouterr().err
    assert f"cannot write the site to {farm.output}" in error
    assert "check output-directory" in error
    assert "Traceback" not in error


def test_help_explains_what_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["report", "--help"])
    assert caught.value.code == 0
    assert "Pages whose contents would not change are left alone" in capsys.readouterr().out
