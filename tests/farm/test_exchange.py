"""A farm changes hands: a directory that the real master has filled becomes ours, works with the real slave, and the
real master goes on with what we give back."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from piufarm.run import run
from tests.farm.packages import FAILING, MOVING, PASSING
from tests.support.clone import PIUFARM
from tests.support.namespace import with_private_files
from tests.support.programs import REAL_ETC, OurMaster, RealMaster, RealSlave, running
from tests.support.site import SECTION, FarmSite
from tests.support.wait import wait_until

pytestmark = [pytest.mark.farm, pytest.mark.peer]

_BATCH_SECONDS = 240
_REPORT = Path("/usr/share/piuparts/piuparts-report")
_CLASSIFIER = Path("/usr/share/piuparts/master/detect_well_known_errors")
_LOG = " Start: 2026-11-20 05:02:37 GMT\n 0m1.0s ERROR: Command failed: xyz: command not found\n ret=1\n.\n"


def _talk(site: FarmSite, command: Sequence[str | Path], *requests: str) -> list[str]:
    """What a master answers, without the greeting and the reply to `section`."""
    said = run(command, input=f"section {SECTION}\n{''.join(requests)}".encode(), timeout_seconds=120)
    return said.stdout.decode().splitlines()[2:]


def _theirs(site: FarmSite, *requests: str) -> list[str]:
    return _talk(site, RealMaster().session(site), *requests)


def _ours(site: FarmSite, *requests: str) -> list[str]:
    return _talk(site, OurMaster().session(site, "somebody"), *requests)


def _command(site: FarmSite, *words: str | Path) -> str:
    completed = run([PIUFARM, "master", *words, "--config", site.configuration])
    assert completed.stderr == b""
    return completed.stdout.decode()


def _let_their_jobs_run(site: FarmSite) -> None:
    """What classifies logs, archives old ones and counts packages."""
    output = site.directory / "html"
    shutil.copytree("/usr/share/piuparts/htdocs", output, dirs_exist_ok=True)
    for job in (_CLASSIFIER, _REPORT):
        run(with_private_files({REAL_ETC: site.etc}, [job]), cwd=site.directory, timeout_seconds=120)


def _names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.log*") if path.parent.name != SECTION}


def test_a_farm_of_piuparts_becomes_ours_and_theirs_again(site: FarmSite) -> None:
    site.publish([*PASSING, *FAILING, MOVING])
    theirs, back = site.directory / "theirs", site.directory / "back"
    theirs.mkdir()
    site.configure({"master-directory": str(theirs)})
    results = ("pass tidy 1", "fail leftover 1", "pass tidy 0.9~rc1", "untestable moving 1")
    assert _theirs(site, *(f"{result}\n{_LOG}" for result in results)) == ["ok"] * 4
    _let_their_jobs_run(site)
    status, reserved = _theirs(site, "status\n", "reserve\n")
    section = theirs / SECTION
    assert {"archive/pass/tidy_0.9~rc1.log", "pass/tidy_1.log", "untestable/moving_1.log"} < _names(section)
    assert (section / "fail" / "leftover_1.kpr").read_text()
    before = {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()}

    site.configure()
    said = _command(site, "import", theirs)
    assert "small: 3 results and 1 older ones taken over" in said
    assert "1  reservations" in said
    assert {path: path.read_bytes() for path in theirs.rglob("*") if path.is_file()} == before
    OurMaster().refresh(site)
    assert _ours(site, "status\n") == [status]
    RealSlave().configure(site)
    site.admit(OurMaster().session(site))
    with running(RealSlave(), site) as slave:
        wait_until(lambda: len(site.results()) == 5, "the result of the package that was left", seconds=_BATCH_SECONDS)
        slave.interrupt()
        slave.end()
    (tested,) = site.sent()
    assert tested.split("/")[1].split("_")[0] in {"tidy-too", "broken-postinst"} - {reserved.split()[1]}
    OurMaster().check(site)
    _command(site, "evaluate")
    (status,) = _ours(site, "status\n")

    _command(site, "export", back)
    site.configure({"master-directory": str(back)})
    name, version = reserved.split()[1:]
    answers = _theirs(site, "status\n", "reserve\n", f"pass {name} {version}\n{_LOG}")
    assert answers == [status, "error", "ok"]
    assert (back / SECTION / "counts.txt").read_text() == (section / "counts.txt").read_text()
    assert (back / SECTION / "fail" / "leftover_1.kpr").read_text() == (section / "fail" / "leftover_1.kpr").read_text()
    marker = f"reserved/{name}_{version}.log"
    assert _names(back / SECTION) == _names(section) - {marker} | {tested, f"pass/{name}_{version}.log"}
