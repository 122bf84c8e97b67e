"""Custom scripts in whole tests: bad ones do no harm, those of ours tell what is wrong with packages."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec, Member
from tests.slave.tester.specimens import PASS, WRONG_MD5, Specimen, deb, runs
from tests.slave.tester.workshop import Verdict, Workshop, ours
from tests.support.clone import CLONE

pytestmark = pytest.mark.farm

OUR_SCRIPTS: Final = CLONE / "conf" / "scripts"
PLAIN: Final = deb("s-plain", files={"/usr/share/doc/s-plain/copyright": "free\n"})


def verdict_on(
    workshop: Workshop, directory: Path, *specs: DebSpec, options: tuple[str, ...] = (), apt: str = ""
) -> Verdict:
    """The verdict on packages, with the scripts of a directory."""
    specimen = Specimen("scripted", specs, passes=True, options=options, apt=[apt] if apt else [])
    return ours(workshop, specimen, "--scriptsdir", str(directory))


def written(directory: Path, scripts: Mapping[str, str]) -> Path:
    """A directory with scripts."""
    for name, text in scripts.items():
        path = directory / os.fsdecode(name.encode("latin-1"))
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
    return directory


def commands(verdict: Verdict) -> list[tuple[str, str]]:
    """How each script that was run ended, and its name."""
    ended = r"(Command ok|Command failed \(status=-?\d+\)): \['chroot', '[^']+', 'tmp/scripts/(.*)'\]"
    return re.findall(ended, verdict.log)


def test_scripts_run_at_their_phases_and_see_which(workshop: Workshop, tmp_path: Path) -> None:
    phases = (
        "post_chroot_unpack", "post_setup", "is_testable", "pre_test", "pre_install", "post_install", "pre_remove",
        "post_remove", "post_purge", "post_test",
    )  # fmt: skip
    says = 'echo "SEEN ${0##*/} $PIUPARTS_OBJECTS $PIUPARTS_TEST ${PIUPARTS_PHASE-none} $PIUPARTS_DISTRIBUTION $(pwd)"'
    written(tmp_path, {f"{phase}_x": says for phase in phases})
    verdict = verdict_on(workshop, tmp_path, PLAIN)
    assert set(PASS) <= verdict.lines, verdict.log[-3000:]
    assert re.findall(r"Running scripts (.*)", verdict.log) == list(phases)
    with_phase = {"pre_install", "post_install", "pre_remove", "post_remove", "post_purge", "post_test"}
    assert re.findall(r"SEEN (.*)", verdict.log) == [
        f"{phase}_x s-plain=1 install {'install' if phase in with_phase else 'none'} probe /" for phase in phases
    ]


def test_odd_names_background_jobs_and_a_great_deal_of_output_are_borne(workshop: Workshop, tmp_path: Path) -> None:
    written(tmp_path, {
        "pre_test_\xff\n'": "echo odd",
        "pre_test_job": "sleep 1000 & sleep 0.1; kill $!",
        "post_purge_job": "(sleep 1000 &)\necho started",
        "post_test_flood": "head -c 900000 /dev/zero | tr '\\0' '\\n'",
    })  # fmt: skip
    verdict = verdict_on(workshop, tmp_path, PLAIN, options=("--max-command-output-size", "1"))
    assert verdict.status == 1
    assert "FAIL: Processes are running inside chroot:" in verdict.lines  # the job that nobody has ended
    names = ["pre_test_job", r"pre_test_\xff\n\'", "post_purge_job", "post_test_flood"]
    assert [name for _, name in commands(verdict)] == names


def test_a_script_that_hangs_is_ended(workshop: Workshop, tmp_path: Path) -> None:
    written(tmp_path, {"pre_remove_x": "echo waiting; sleep 1000"})
    verdict = verdict_on(workshop, tmp_path, PLAIN, options=("--command-runtime", "2"))
    assert verdict.status == 1
    assert "  ***** Command was terminated after exceeding runtime limit (2 s) *****" in verdict.lines


def test_a_script_that_prints_endlessly_is_ended(workshop: Workshop, tmp_path: Path) -> None:
    written(tmp_path, {"pre_remove_x": "yes"})
    verdict = verdict_on(workshop, tmp_path, PLAIN, options=("--max-command-output-size", "1"))
    assert verdict.status == 1
    assert "  ***** Command was terminated after exceeding output limit (1.00 MB) *****" in verdict.lines


def test_a_script_without_its_interpreter_fails_like_a_command(workshop: Workshop, tmp_path: Path) -> None:
    path = tmp_path / "pre_remove_x"
    path.write_text("#!/nonexistent/interpreter\n")
    path.chmod(0o755)
    verdict = verdict_on(workshop, tmp_path, PLAIN)
    assert (verdict.status, commands(verdict)) == (1, [("Command failed (status=127)", "pre_remove_x")])


@pytest.mark.parametrize(
    ("act", "passes"),
    [
        ("rm -rf /tmp/scripts", True),
        ("rm -rf /tmp/scripts; ln -s /etc /tmp/scripts", True),
        ("rm -rf /tmp/scripts; echo > /tmp/scripts", False),
        ("mkdir -p /tmp/scripts/pre_remove_x", False),
    ],
)  # fmt: skip
def test_packages_cannot_put_anything_in_the_place_of_scripts(
    workshop: Workshop, tmp_path: Path, act: str, passes: bool
) -> None:
    written(tmp_path, {"pre_remove_x": "echo mine"})
    verdict = verdict_on(workshop, tmp_path, deb("s-foe", postinst=act), options=("-I", "^/tmp",))
    ran = bool(commands(verdict))
    refused = "FAIL: A file that the test needs cannot be written: " in verdict.log
    assert (verdict.status == 0, ran, refused) == (passes, passes, not passes), verdict.log[-3000:]
    assert "  mine" in verdict.log or not passes


def test_packages_that_a_script_objects_to_are_skipped_and_others_are_tested(
    workshop: Workshop, tmp_path: Path
) -> None:
    written(tmp_path, {"is_testable_x": "case $PIUPARTS_OBJECTS in s-odd*) exit 1;; esac"})
    odd, bad = deb("s-odd", postinst="exit 1"), deb("s-bad", postinst="exit 1")
    skipped = verdict_on(workshop, tmp_path, odd, PLAIN, options=("--single-packages",))
    assert skipped.status == 0
    assert "SKIP: All tests. Package cannot be tested with piuparts: s-odd=1." in skipped.lines
    assert set(PASS) <= skipped.lines
    result = tmp_path / "result.json"
    options = ("--single-packages", "--result", str(result))
    assert verdict_on(workshop, tmp_path, odd, bad, options=options).status == 1
    groups = json.loads(result.read_text())["groups"]
    assert [group["outcome"] for group in groups] == ["untestable", "fail"]


def test_scripts_that_break_the_chroot_say_nothing_about_the_package(workshop: Workshop, tmp_path: Path) -> None:
    written(tmp_path, {"post_setup_x": "exit 1"})
    verdict = verdict_on(workshop, tmp_path, PLAIN)
    assert verdict.status == 3
    assert "piuparts run ends." not in verdict.log


# -- ours -----------------------------------------------------------------------------------------------------------

FAULTY: Final = (
    deb("s-conf"),
    deb("s-sums", control_files={"md5sums": f"{WRONG_MD5}  usr/share/s-sums/gone\n"}, md5sums=False),
    deb("s-link", files={"/usr/lib/libs-link.so.1.0": "x"}, postinst="ln -s libs-link.so.1.0 /usr/lib/libs-link.so.1",
        postrm="rm -f /usr/lib/libs-link.so.1"),
)  # fmt: skip
MARKERS: Final = {
    "FILE WITHOUT MD5SUM /usr/share/s-sums/data (s-sums)",
    "MD5SUM WITHOUT FILE /usr/share/s-sums/gone (s-sums)",
    "UNOWNED SYMLINK /usr/lib/libs-link.so.1 -> libs-link.so.1.0",
    *(f"MISSING COPYRIGHT FILE /usr/share/doc/{name}/copyright ({name})" for name in ("s-conf", "s-link", "s-sums")),
}


def said_by_scripts(verdict: Verdict) -> set[str]:
    words = r"  ((?:OBSOLETE|MISSING|FILE WITHOUT|MD5SUM|UNOWNED|ERROR: BAD|Debug: piuparts exception).*)"
    return set(re.findall(words, verdict.log))


def test_our_scripts_look_at_all_packages_that_are_tested_as_files(workshop: Workshop) -> None:
    verdict = verdict_on(workshop, OUR_SCRIPTS, *FAULTY, PLAIN, options=("--warn-on-debsums-errors",))
    assert said_by_scripts(verdict) == MARKERS
    assert set(PASS) <= verdict.lines, verdict.log[-3000:]


def test_our_scripts_fail_what_anybody_may_write_to_and_nothing_else(workshop: Workshop) -> None:
    bad = deb("s-open", files={"/usr/share/s-open/x": Member("x", mode=0o666)})
    verdict = verdict_on(workshop, OUR_SCRIPTS, bad)
    assert verdict.status == 1
    assert "ERROR: BAD PERMISSIONS" in said_by_scripts(verdict)
    content = verdict_on(workshop, OUR_SCRIPTS, PLAIN)
    assert (content.status, said_by_scripts(content)) == (0, set())


def test_our_scripts_see_what_an_upgrade_leaves_behind(workshop: Workshop) -> None:
    upgraded = Specimen("p-keeps", (deb("p-keeps", version="2"),), passes=True, upgrades=True)
    verdict = ours(workshop, upgraded, "--no-install-purge-test", "--scriptsdir", str(OUR_SCRIPTS))
    assert verdict.status == 0, verdict.log[-3000:]
    assert "OBSOLETE CONFFILE /etc/p-keeps REGISTERED BY p-keeps" in said_by_scripts(verdict)


# -- databases ------------------------------------------------------------------------------------------------------

BY_PART: Final = deb("s-web-core", depends="dbconfig-common, default-mysql-client")
BY_OTHER_FILE: Final = deb("s-front", depends="s-web-core (= 1)", postinst=runs("default-mysql-server"))
BY_NAME: Final = deb(
    "s-report",
    postinst=runs("postgresql"),
    fields={"Recommends": "perl,\n postgresql (>= 0) | default-mysql-server"},
)
WITHOUT: Final = deb(
    "s-light", depends="dbconfig-sqlite3 | dbconfig-mysql", fields={"Suggests": "postgresql"},
    files={"/usr/share/doc/s-light/copyright": "x"}, postinst="! " + runs("default-mysql-server"),
)  # fmt: skip


def test_packages_get_the_database_server_that_their_description_tells_of(workshop: Workshop) -> None:
    named = verdict_on(workshop, OUR_SCRIPTS, options=("--allow-database",), apt="p-web=1")
    assert named.status == 0, named.log[-3000:]
    says = "Debug: piuparts exception for package p-web=1: installing default-mysql-server"
    assert says in said_by_scripts(named)
    files = verdict_on(workshop, OUR_SCRIPTS, BY_PART, BY_OTHER_FILE, BY_NAME, options=("--allow-database",))
    assert files.status == 0, files.log[-3000:]
    assert len([line for line in said_by_scripts(files) if "installing" in line]) == 2


def test_packages_that_need_no_database_server_get_none(workshop: Workshop) -> None:
    light = verdict_on(workshop, OUR_SCRIPTS, WITHOUT, options=("--allow-database",))
    assert (light.status, said_by_scripts(light)) == (0, set())


def test_packages_that_are_there_in_another_version_get_their_server_too(workshop: Workshop) -> None:
    """Such as before an upgrade: the version to be tested is that of the next suite."""
    upgraded = verdict_on(workshop, OUR_SCRIPTS, options=("--allow-database",), apt="p-web=99")
    says = "Debug: piuparts exception for package p-web=99: installing default-mysql-server"
    assert says in said_by_scripts(upgraded)


def test_no_server_is_installed_where_none_may_start(workshop: Workshop) -> None:
    forbidden = verdict_on(workshop, OUR_SCRIPTS, apt="p-web=1")
    assert forbidden.status == 1
    assert not [line for line in said_by_scripts(forbidden) if "installing" in line]
