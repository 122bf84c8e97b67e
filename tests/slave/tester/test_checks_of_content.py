from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import CommandResult, Limit, Process
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import CheckOptions, RootOptions
from piufarm.slave.tester.state.packages import InstalledPackage
from tests.slave.tester.finding import INFO, installed, run, with_query
from tests.slave.tester.memory import Bench, Node, answered, directory, file

# -- debsums --------------------------------------------------------------------------------------------------------

MD5 = hashlib.md5(b"right", usedforsecurity=False).hexdigest()
QUERY = f"install\tinstalled\tprobe\t1\n /etc/conf {MD5}\n"


def debsums(tmp_path: Path, nodes: Mapping[str, Node], output: str = "", *, warn: bool = False) -> list[Finding]:
    """Probe is installed with these objects; md5sum says `output`."""
    def answer(_: object, argv: tuple[str, ...]) -> CommandResult | None:
        if argv[0] == "md5sum":
            return answered(argv, output, status=int(bool(output)))
        return answered(argv, QUERY) if argv[0] == "dpkg-query" else None

    everything = {
        f"{INFO}/probe.list": file("/etc/conf\n/usr/share/probe\n"),
        f"{INFO}/probe.md5sums": file(f"{MD5}  usr/share/probe\n"),
        "/etc/conf": file("right"),
        "/usr/share/probe": file("right"),
        **nodes,
    }
    made = installed(tmp_path, everything, answer, checks=CheckOptions(warn_on_debsums=warn))
    for path in [path for path, node in nodes.items() if node.entry.uid == GONE]:
        made.examination.remove(path)
    return run(made, "debsums", Moment.BEFORE_REMOVAL)


GONE = 99


def test_files_as_packaged_pass(tmp_path: Path) -> None:
    assert debsums(tmp_path, {}) == []


def test_a_changed_file_of_a_new_package_fails(tmp_path: Path) -> None:
    (finding,) = debsums(tmp_path, {"/usr/share/probe": file("wrong")}, "usr/share/probe: FAILED\n")
    assert finding.severity is Severity.ERROR
    assert finding.text == "FAIL: debsums reports modifications inside the chroot:\n/usr/share/probe"
    assert finding.owners == ("probe",)


def test_changed_files_only_warn_if_so_asked(tmp_path: Path) -> None:
    (finding,) = debsums(tmp_path, {"/usr/share/probe": file("wrong")}, "usr/share/probe: FAILED\n", warn=True)
    assert finding.severity is Severity.WARNING
    assert finding.text.startswith("FAIL: debsums reports")


def test_a_missing_file_of_a_new_package_fails(tmp_path: Path) -> None:
    output = "md5sum: usr/share/probe: No such file or directory\nusr/share/probe: FAILED open or read\n"
    (finding,) = debsums(tmp_path, {"/usr/share/probe": file(uid=GONE)}, output)
    assert finding.text.endswith("\ndebsums: missing file /usr/share/probe (from probe package)")


def test_a_changed_configuration_file_fails(tmp_path: Path) -> None:
    (finding,) = debsums(tmp_path, {"/etc/conf": file("wrong")})
    assert finding.text.endswith("\n/etc/conf")


def test_md5sum_that_does_not_work_is_not_believed(tmp_path: Path) -> None:
    (finding,) = debsums(tmp_path, {"/usr/share/probe": file("wrong")}, "md5sum: not found\n")
    assert finding.subjects == ("/usr/share/probe",)


def test_a_file_that_another_package_took_over_is_not_the_first_ones_any_more(tmp_path: Path) -> None:
    nodes = {f"{INFO}/probe.list": file("/etc/conf\n"), "/usr/share/probe": file("other")}
    assert debsums(tmp_path, nodes, "usr/share/probe: FAILED\n") == []


def test_a_diverted_file_is_looked_for_where_it_went(tmp_path: Path) -> None:
    nodes = {
        "/var/lib/dpkg/diversions": file("/usr/share/probe\n/usr/share/probe.distrib\nother\n"),
        "/usr/share/probe": file("other"),
        "/usr/share/probe.distrib": file("right"),
    }
    assert debsums(tmp_path, nodes, "usr/share/probe: FAILED\n") == []


def test_a_changed_file_of_the_base_fails_below_a_merged_usr_too(tmp_path: Path) -> None:
    query = "install\tinstalled\tdash\t0.5\n"
    made = installed(tmp_path, {"/usr/bin/sh": file("other")}, with_query(query))
    (finding,) = run(made, "debsums", Moment.BEFORE_REMOVAL)
    assert finding.text == "FAIL: debsums reports modifications inside the chroot:\n/bin/sh"
    assert finding.owners == ("dash",)


# -- processes ------------------------------------------------------------------------------------------------------


def with_daemon(tmp_path: Path, root: RootOptions | None = None) -> Bench:
    made = installed(tmp_path, {}, root=root)
    made.chroot.running = [Process(120, 1, 0, "sleep 1000", "/usr/bin/sleep")]
    return made


def test_a_running_process_fails_and_is_ended(tmp_path: Path) -> None:
    made = with_daemon(tmp_path)
    (finding,) = run(made, "processes", Moment.INSTALLED)
    assert finding.severity is Severity.ERROR
    assert finding.text.split("\n") == [
        "FAIL: Processes are running inside chroot:",
        "COMMAND PID PPID USER NAME",
        "sleep   120    1 root /usr/bin/sleep (sleep 1000)",
    ]
    assert finding.subjects == ("sleep 1000",)
    assert made.chroot.running == []


def test_a_process_that_is_just_about_to_end_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = with_daemon(tmp_path)
    looks = iter([made.chroot.running, made.chroot.running])
    monkeypatch.setattr(made.chroot, "processes", lambda: next(looks, []))
    assert run(made, "processes", Moment.PURGED) == []


@pytest.mark.parametrize(
    ("moment", "severity"), [(Moment.INSTALLED, Severity.WARNING), (Moment.PURGED, Severity.ERROR)]
)
def test_an_allowed_database_may_run_until_it_is_removed(tmp_path: Path, moment: Moment, severity: Severity) -> None:
    made = with_daemon(tmp_path, RootOptions(allow_database=True))
    (finding,) = run(made, "processes", moment)
    assert finding.severity is severity


# -- cron and logrotate ---------------------------------------------------------------------------------------------

CRON = {f"{INFO}/probe.list": file("/etc/cron.daily/probe\n/etc/cron.d/table\n"), "/etc/cron.d/table": file("x")}


def test_a_cron_job_that_prints_after_removal_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {**CRON, "/etc/cron.daily/probe": file(mode=0o755)},
                     lambda _, argv: answered(argv, "still here\n"))
    (finding,) = run(made, "cron-files", Moment.REMOVED)
    assert finding.text == "FAIL: Cron file /etc/cron.daily/probe has output with package removed"
    assert "INFO: Package probe contains cron file: /etc/cron.daily/probe" in made.log


def test_a_silent_cron_job_passes_and_one_that_is_not_executable_is_not_run(tmp_path: Path) -> None:
    made = installed(tmp_path, {**CRON, "/etc/cron.daily/probe": file(mode=0o755)})
    assert run(made, "cron-files", Moment.REMOVED) == []
    assert made.chroot.commands == [("/etc/cron.daily/probe",)]


def test_cron_jobs_are_left_alone_if_so_asked(tmp_path: Path) -> None:
    made = installed(tmp_path, CRON, checks=CheckOptions(cron_files=False))
    assert run(made, "cron-files", Moment.REMOVED) == []
    assert made.chroot.commands == []


def test_jobs_of_packages_for_several_architectures_are_run_too(tmp_path: Path) -> None:
    nodes = {f"{INFO}/probe:amd64.list": file("/etc/cron.daily/probe\n"), "/etc/cron.daily/probe": file(mode=0o755)}
    made = installed(tmp_path / "ours", nodes, lambda _, argv: answered(argv, "still here\n"))
    assert len(run(made, "cron-files", Moment.REMOVED)) == 1
    checks = CheckOptions(compat=True)
    made = installed(tmp_path / "theirs", nodes, lambda _, argv: answered(argv, "still here\n"), checks=checks)
    assert run(made, "cron-files", Moment.REMOVED) == []


OF_OTHERS = {
    f"{INFO}/helper.list": file("/etc/cron.daily/helper\n/etc/cron.d/helper\n/etc/logrotate.d/helper\n"),
    "/etc/cron.daily/helper": file(mode=0o755), "/etc/cron.d/helper": file("@daily root /gone\n"),
    "/etc/logrotate.d/helper": file("x"), "/etc/passwd": file("root:x:0:0::/root:/bin/sh\n"),
}
CHECKS_OF_JOBS = ("cron-files", "cron-tables", "logrotate-files")


def with_a_dependency(tmp_path: Path, *, compat: bool = False, stopped_by: Limit | None = None) -> Bench:
    """A test that has brought helper, too, whose jobs complain now that it is removed."""
    def answer(_: object, argv: tuple[str, ...]) -> CommandResult | None:
        is_job = argv[0] in ("/etc/cron.daily/helper", "/bin/sh", "/usr/sbin/logrotate")
        return answered(argv, "still here\n", stopped_by=stopped_by) if is_job else None

    made = installed(tmp_path, OF_OTHERS, answer, checks=CheckOptions(compat=compat))
    made.examination.installed["helper"] = InstalledPackage("helper", "1", "install", "installed")
    return made


@pytest.mark.parametrize("check", CHECKS_OF_JOBS)
def test_jobs_of_dependencies_are_tried_too_but_only_warn(tmp_path: Path, check: str) -> None:
    (finding,) = run(with_a_dependency(tmp_path), check, Moment.REMOVED)
    assert (finding.severity, finding.owners) == (Severity.WARNING, ("helper",))
    assert finding.subjects[0].endswith("/helper")


@pytest.mark.parametrize("check", ["cron-files", "logrotate-files"])
def test_a_job_of_a_dependency_that_takes_its_time_has_not_complained(tmp_path: Path, check: str) -> None:
    assert run(with_a_dependency(tmp_path, stopped_by=Limit.TIME), check, Moment.REMOVED) == []


@pytest.mark.parametrize("check", CHECKS_OF_JOBS)
def test_for_the_predecessors_verdict_jobs_of_dependencies_are_left_alone(tmp_path: Path, check: str) -> None:
    assert run(with_a_dependency(tmp_path, compat=True), check, Moment.REMOVED) == []


ROTATE = {f"{INFO}/probe.list": file("/etc/logrotate.d/probe\n"), "/etc/logrotate.d/probe": file("x")}


def test_logrotate_that_complains_after_removal_fails(tmp_path: Path) -> None:
    made = installed(
        tmp_path, ROTATE, lambda _, argv: answered(argv, "error: x\n") if "logrotate" in argv[0] else None
    )
    (finding,) = run(made, "logrotate-files", Moment.REMOVED)
    assert finding.text == (
        "FAIL: Logrotate file /etc/logrotate.d/probe exits with error or has output with package removed"
    )


def test_logrotate_is_installed_for_the_check_and_purged_again(tmp_path: Path) -> None:
    dash = "install\tinstalled\tdash\t0.5\n"
    outputs = iter([dash + "deinstall\tconfig-files\tcron\t3\n", dash + "install\tinstalled\tcron\t3\n"])
    made = installed(tmp_path, ROTATE,
                     lambda _, argv: answered(argv, next(outputs)) if argv[0] == "dpkg-query" else None)
    assert run(made, "logrotate-files", Moment.REMOVED) == []
    commands = [argv for argv in made.chroot.commands if argv[0] != "dpkg-query"]
    assert commands == [
        ("apt-get", "install", "-y", "logrotate"),
        ("/usr/sbin/logrotate", "/etc/logrotate.d/probe"),
        ("dpkg", "--purge", "cron"),
    ]


def test_a_package_without_logrotate_files_does_not_bring_logrotate_in(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/logrotate.d": directory()})
    assert run(made, "logrotate-files", Moment.REMOVED) == []
    assert made.chroot.commands == []
