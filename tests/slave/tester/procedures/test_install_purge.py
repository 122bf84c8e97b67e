from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.outcome import Finding, Outcome, Severity
from piufarm.slave.chroot.interface import CommandResult, Limit
from piufarm.slave.tester.examination import TestEnded
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.procedures.install_purge import INSTALL_PURGE
from piufarm.slave.tester.steps.installing import places_of
from tests.slave.tester.memory import Answer, Bench, MemoryChroot, answered, bench, file

BASE = "install\tinstalled\tbase-files\t12\n\ninstall\tinstalled\tdash\t0.5\n\n"
PROBE = "install\tinstalled\tprobe\t1\n\n"
CONFIG = "deinstall\tconfig-files\tprobe\t1\n\n"


def queries(*outputs: str) -> Answer:
    """Answers each dpkg-query with the next output; the last one goes on."""
    remaining: Iterator[str] = iter(outputs)
    last = [outputs[-1]]

    def answer(_: object, argv: Sequence[str]) -> CommandResult | None:
        if argv[0] != "dpkg-query":
            return None
        last[0] = next(remaining, last[0])
        return answered(argv, last[0])

    return answer


def calls(made: Bench) -> list[tuple[str, ...]]:
    return [argv for argv in made.chroot.commands if argv[0] != "dpkg-query"]


def test_a_package_without_configuration_is_installed_and_removed_and_nothing_more(tmp_path: Path) -> None:
    made = bench(tmp_path, queries(BASE + PROBE, BASE))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.PASS
    assert calls(made) == [("apt-get", "-y", "install", "probe"), ("apt-get", "remove", "probe")]
    assert "INFO: PASS: Installation and purging test." in made.log


def test_dependencies_are_purged_before_the_package(tmp_path: Path) -> None:
    helper = "install\tinstalled\thelper:amd64\t1\n\n"
    left = "deinstall\tconfig-files\thelper:amd64\t1\n\n"
    made = bench(tmp_path, queries(BASE + PROBE + helper, BASE + CONFIG + left, BASE))
    INSTALL_PURGE.carry_out(made.examination)
    assert calls(made)[1:] == [
        ("apt-get", "remove", "helper:amd64", "probe"),
        ("dpkg", "--purge", "helper:amd64"),
        ("dpkg", "--purge", "probe"),
    ]


def test_what_stays_pending_is_purged_and_removed_once_more(tmp_path: Path) -> None:
    made = bench(tmp_path, queries(BASE + PROBE, BASE + CONFIG, BASE + "purge\thalf-installed\tprobe\t1\n\n"))
    INSTALL_PURGE.carry_out(made.examination)
    assert calls(made)[-2:] == [("dpkg", "--purge", "--pending"), ("dpkg", "--remove", "--pending")]


def test_packages_of_the_base_that_a_test_replaced_come_back(tmp_path: Path) -> None:
    now = "install\tinstalled\tbase-files\t13\n\n" + PROBE
    made = bench(tmp_path, queries(now, BASE))
    INSTALL_PURGE.carry_out(made.examination)
    command = ("apt-get", "-y", "--no-install-recommends", "--allow-downgrades", "--allow-remove-essential",
               "--allow-change-held-packages", "install")
    wanted = ("base-files=12", "dash=0.5")
    assert calls(made)[1:] == [(*command, *wanted, "probe-"), (*command, "--reinstall", *wanted)]


def test_a_name_that_ends_in_plus_is_not_taken_for_a_wish(tmp_path: Path) -> None:
    made = bench(tmp_path, queries(BASE + "install\tinstalled\tg++\t1\n\n", BASE), packages=["g++"])
    INSTALL_PURGE.carry_out(made.examination)
    assert calls(made)[1] == ("apt-get", "remove", "g++-")


def test_a_package_that_disappears_is_not_installed(tmp_path: Path) -> None:
    made = bench(tmp_path, queries(BASE))
    made.examination.group = Group((TestedPackage("gone=None", "gone", "None"),))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.PASS
    assert calls(made) == []


def test_files_are_copied_installed_and_taken_away_again(tmp_path: Path) -> None:
    deb = tmp_path / "probe_1_all.deb"
    deb.write_bytes(b"content")
    made = bench(tmp_path, queries(BASE + PROBE, BASE))
    made.examination.group = Group((TestedPackage("probe=1", "probe", "1", deb),))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.PASS
    assert calls(made)[0] == ("apt-get", "-y", "--allow-downgrades", "install", "./tmp/probe_1_all.deb")
    assert "INFO: Installation of ['./tmp/probe_1_all.deb'] ok" in made.log
    assert not made.chroot.exists("/tmp/probe_1_all.deb")


def test_files_of_one_name_are_installed_both(tmp_path: Path) -> None:
    installed = {name: f"install\tinstalled\t{name}\t1\n\n" for name in ("one", "two")}
    seen: list[bytes | None] = []

    def look(chroot: MemoryChroot, argv: Sequence[str]) -> None:
        if argv[0] == "apt-get" and "install" in argv:
            seen.extend(chroot.read(f"/tmp/{name}") for name in ("new.deb", "2-new.deb"))

    made = bench(tmp_path, look, queries(BASE + "".join(installed.values()), BASE))
    packages = []
    for name in installed:
        deb = tmp_path / name / "new.deb"
        deb.parent.mkdir()
        deb.write_bytes(name.encode())
        packages.append(TestedPackage(f"{name}=1", name, "1", deb))
    made.examination.group = Group(tuple(packages))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.PASS
    assert seen == [b"one", b"two"]
    assert calls(made)[0] == ("apt-get", "-y", "--allow-downgrades", "install", "./tmp/new.deb", "./tmp/2-new.deb")
    assert "INFO: Installation of ['./tmp/new.deb', './tmp/2-new.deb'] ok" in made.log
    assert not any(path.startswith("/tmp/") for path in made.chroot.nodes)


def test_no_two_files_get_one_place() -> None:
    names = ("x.deb", "2-x.deb", "x.deb", "x.deb", "2-x.deb")
    paths = [Path(str(number)) / name for number, name in enumerate(names)]
    places = places_of(paths)
    assert list(places.values()) == paths
    assert list(places) == ["./tmp/x.deb", "./tmp/2-x.deb", "./tmp/3-x.deb", "./tmp/4-x.deb", "./tmp/2-2-x.deb"]


def test_a_file_that_was_not_installed_fails(tmp_path: Path) -> None:
    deb = tmp_path / "probe_1_all.deb"
    deb.write_bytes(b"content")
    made = bench(tmp_path, queries(BASE))
    made.examination.group = Group((TestedPackage("probe=1", "probe", "1", deb),))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.FAIL
    assert "ERROR: Installation of probe failed" in made.log
    assert "ERROR: Could not install probe." in made.log


def test_a_failing_command_ends_the_test_and_its_output_is_shown_twice(tmp_path: Path) -> None:
    def fail(_: object, argv: Sequence[str]) -> CommandResult:
        return answered(argv, "first\rsecond\nE: no\n", status=100)

    made = bench(tmp_path, fail)
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.FAIL
    words = "['chroot', '/tmp/tmpmemory', 'apt-get', '-y', 'install', 'probe']"
    shown = ["  first", "  second", "  E: no"]
    failed = f"ERROR: Command failed (status=100): {words}"
    assert made.log == [f"DEBUG: Starting command: {words}", "DUMP: ", *shown, failed, *shown, ""]
    (finding,) = made.examination.findings
    assert (finding.check, finding.severity) == ("commands", Severity.ERROR)


def test_trouble_of_the_farm_is_no_finding(tmp_path: Path) -> None:
    made = bench(tmp_path, lambda _, argv: answered(argv, "E: Failed to fetch http://x/", status=100))
    with pytest.raises(FarmError, match="could not fetch"):
        INSTALL_PURGE.carry_out(made.examination)
    assert made.examination.findings == []


@pytest.mark.parametrize(
    ("limit", "line"),
    [
        (Limit.OUTPUT, "  ***** Command was terminated after exceeding output limit (8.00 MB) *****"),
        (Limit.TIME, "  ***** Command was terminated after exceeding runtime limit (3600 s) *****"),
        (Limit.DISK, "  ***** Command was terminated after exceeding disk limit *****"),
    ],
)
def test_a_command_that_was_stopped_failed_whatever_its_status(tmp_path: Path, limit: Limit, line: str) -> None:
    made = bench(tmp_path, lambda _, argv: answered(argv, "Setting up probe", stopped_by=limit))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.FAIL
    assert line in made.log


@pytest.mark.parametrize(
    ("limit", "status", "is_said"),
    [(Limit.TIME, -9, True), (Limit.OUTPUT, -9, True), (Limit.TIME, -15, False), (Limit.MEMORY, -9, False)],
)
def test_that_a_command_had_to_be_killed_is_said(tmp_path: Path, limit: Limit, status: int, is_said: bool) -> None:
    made = bench(tmp_path, lambda _, argv: answered(argv, "Setting up probe", status, limit))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.FAIL
    kind = "runtime" if limit is Limit.TIME else "output"
    assert (f"ERROR: Killing command due to excessive {kind}" in made.log) == is_said


def test_a_command_that_may_fail_is_only_mentioned(tmp_path: Path) -> None:
    made = bench(tmp_path, lambda _, argv: answered(argv, status=1))
    made.examination.execute("md5sum", may_fail=True)
    words = "['chroot', '/tmp/tmpmemory', 'md5sum']"
    assert f"DEBUG: Command failed (status=1), but ignoring error: {words}" in made.log


def test_commands_get_a_clean_environment_that_says_what_is_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "x")
    made = bench(tmp_path, queries(BASE + PROBE, BASE), packages=["probe", "other"])
    INSTALL_PURGE.carry_out(made.examination)
    assert {key: made.chroot.environment[key] for key in made.chroot.environment if key != "PATH"} == {
        "HOME": "/root", "DEBIAN_FRONTEND": "noninteractive", "DPKG_COLORS": "never",
        "PIUPARTS_OBJECTS": "probe other", "PIUPARTS_DISTRIBUTION": "sid", "PIUPARTS_TEST": "install",
        "PIUPARTS_PHASE": "install",
    }  # fmt: skip


def test_a_finding_that_only_warns_does_not_end_the_test(tmp_path: Path) -> None:
    made = bench(tmp_path)
    made.examination.report(Finding("x", Severity.WARNING, "WARN: x"), ends_the_test=True)
    with pytest.raises(TestEnded):
        made.examination.report(Finding("x", Severity.ERROR, "FAIL: x"), ends_the_test=True)
    assert [line for line in made.log if line] == ["ERROR: WARN: x", "ERROR: FAIL: x"]


def test_what_a_test_leaves_fails_it_at_the_end(tmp_path: Path) -> None:
    def leave(chroot: object, argv: Sequence[str]) -> None:
        if "install" in argv:
            made.chroot.add({"/etc/left": file()})

    made = bench(tmp_path, leave, queries(BASE + PROBE, BASE))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.FAIL
    assert made.log[-4:] == ["  /etc/left\t not owned", "", "ERROR: FAIL: Installation and purging test.", ""]


def test_a_directory_in_the_place_of_a_file_of_ours_does_not_keep_a_package_from_its_verdict(tmp_path: Path) -> None:
    deb = tmp_path / "probe_1_all.deb"
    deb.write_bytes(b"content")
    configured: list[bool] = []

    def obstruct(_: object, argv: Sequence[str]) -> None:
        if argv[0] == "apt-get":
            made.chroot.obstructed |= {"/tmp/piufarm-apt.conf", "/tmp/probe_1_all.deb"}
            configured.append("APT_CONFIG" in made.chroot.environment)

    made = bench(tmp_path, obstruct, queries(BASE + PROBE, BASE))
    made.examination.group = Group((TestedPackage("probe=1", "probe", "1", deb),))
    assert INSTALL_PURGE.carry_out(made.examination) is Outcome.PASS
    assert calls(made)[-1] == ("apt-get", "remove", "probe")
    assert configured == [False, False]
