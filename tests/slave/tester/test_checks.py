from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from piufarm.outcome import Finding, Severity
from piufarm.slave.chroot.interface import CommandResult, Process
from piufarm.slave.tester.checks import CHECKS
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.ignores import IgnoreRule, builtin_rules
from piufarm.slave.tester.options import CheckOptions, Options, RootOptions
from piufarm.slave.tester.phases import note_owners
from tests.slave.tester.memory import Answer, Bench, Node, answered, bench, directory, file, link

INFO = "/var/lib/dpkg/info"
PROBE_LIST = file("/.\n/usr\n/usr/share\n/usr/share/probe\n")


def run(bench: Bench, name: str, moment: Moment) -> list[Finding]:
    """What one check finds; whether it is to run at all is decided as in a test."""
    check = next(check for check in CHECKS if check.name == name)
    assert moment in check.moments
    if not check.is_wanted(bench.examination.options.checks):
        return []
    return list(check.find(bench.examination, moment))


def installed(
    tmp_path: Path, nodes: Mapping[str, Node], *answers: Answer, checks: CheckOptions | None = None,
    root: RootOptions | None = None,
) -> Bench:
    """An examination with these objects in the chroot beside those of the base, owners noted."""
    options = Options(("probe",), apt=True, checks=checks or CheckOptions(builtin_rules()), root=root or RootOptions())
    made = bench(tmp_path, *answers, options=options)
    made.chroot.add(nodes)
    note_owners(made.examination)
    return made


def with_query(output: str) -> Answer:
    """Answers dpkg-query."""
    return lambda _, argv: answered(argv, output) if argv[0] == "dpkg-query" else None


# -- files ----------------------------------------------------------------------------------------------------------


def test_files_left_behind_are_listed_with_their_owners(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": file("/usr/share/probe\n"), "/usr/share/probe/gen": file(),
                                "/etc/l": link("/nowhere")})
    (finding,) = run(made, "left-files", Moment.COMPARED)
    assert finding.severity is Severity.ERROR
    assert finding.text.split("\n") == [
        "FAIL: Package purging left files on system:",
        "/etc/l -> /nowhere\t not owned",
        "/usr/share/\t not owned",
        "/usr/share/probe/\t owned by: probe",
        "/usr/share/probe/gen\t not owned",
        f"{INFO}/probe.list\t not owned",
        "",
    ]
    assert finding.owners == ("probe",)


def test_files_left_behind_only_warn_if_so_asked(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/x": file()}, checks=CheckOptions(warn_on_leftovers=True))
    (finding,) = run(made, "left-files", Moment.COMPARED)
    assert finding.severity is Severity.INFO
    assert finding.text.startswith("Warning: Package purging left files on system:\n")


def test_ignored_paths_are_not_left_files(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/machine-id": file(), "/run/x": file(), "/tmp/x": file()})
    assert run(made, "left-files", Moment.COMPARED) == []


def test_a_loud_rule_is_mentioned_and_nothing_more(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/x": file()}, checks=CheckOptions((IgnoreRule("/x", False, aloud=True),)))
    assert run(made, "left-files", Moment.COMPARED) == []
    assert "INFO: IGNORED PATH@2: /x" in made.log


def test_a_file_of_the_base_that_is_gone_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {})
    made.examination.remove("/etc/issue")
    (finding,) = run(made, "disappeared-files", Moment.COMPARED)
    assert finding.text == "FAIL: After purging files have disappeared:\n/etc/issue\t owned by: base-files\n"


def test_a_directory_that_nobody_owned_may_go_with_its_last_package(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": file("/opt\n/opt/probe\n")})
    made.examination.remove("/opt")
    (finding,) = run(made, "disappeared-files", Moment.COMPARED)
    assert finding.severity is Severity.INFO
    assert finding.subjects == ("/opt/",)


def test_a_directory_that_a_script_removed_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": PROBE_LIST})
    made.examination.remove("/opt")
    (finding,) = run(made, "disappeared-files", Moment.COMPARED)
    assert finding.text == "FAIL: After purging files have disappeared:\n/opt/\t not owned\n"


def test_a_changed_file_of_the_base_fails_and_the_log_says_how(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/issue": file("Debian\n", mode=0o600)})
    (finding,) = run(made, "modified-files", Moment.COMPARED)
    assert finding.text == "FAIL: After purging files have been modified:\n/etc/issue\t owned by: base-files\n"
    assert (
        "DEBUG: Modified(user, group, mode, size, target): /etc/issue expected(root, root, - 100644, 7, None)"
        " != found(root, root, - 100600, 7, None)"
    ) in made.log


def test_an_untouched_chroot_has_nothing_to_find(tmp_path: Path) -> None:
    made = installed(tmp_path, {})
    assert [finding for check in CHECKS for moment in check.moments for finding in run(made, check.name, moment)] == []


# -- diversions -----------------------------------------------------------------------------------------------------


def test_a_diversion_left_behind_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/var/lib/dpkg/diversions": file("/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\nprobe\n")})
    (finding,) = run(made, "diversions", Moment.COMPARED)
    assert finding.text == (
        "FAIL: Installed diversions (dpkg-divert) not removed by purge:\ndiversion of /a to /b by probe"
    )


def test_a_diversion_taken_away_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/var/lib/dpkg/diversions": file("")})
    (finding,) = run(made, "diversions", Moment.COMPARED)
    assert finding.text.startswith("FAIL: Existing diversions (dpkg-divert) removed/modified:\ndiversion of /bin/sh to")


def test_diversions_in_another_order_pass(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/var/lib/dpkg/diversions": file("/bin/sh\n/bin/sh.distrib\ndash\n", mode=0o600)})
    assert run(made, "diversions", Moment.COMPARED) == []


def test_diversions_are_not_looked_at_if_so_asked(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/var/lib/dpkg/diversions": file("")}, checks=CheckOptions(diversions=False))
    assert run(made, "diversions", Moment.COMPARED) == []


# -- symbolic links -------------------------------------------------------------------------------------------------


def test_broken_links_warn_with_their_owners_while_installed(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": file("/etc/l\n"), "/etc/l": link("/no"), "/etc/o": link("o")})
    (finding,) = run(made, "broken-symlinks", Moment.INSTALLED)
    assert finding.severity is Severity.WARNING
    assert finding.text == "WARN: Broken symlinks:\n/etc/l -> /no (probe)\n/etc/o -> o"
    assert "ERROR: ELOOP: Too many symbolic links in '/etc/o'" in made.log


def test_broken_links_have_no_owners_after_the_purge(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": file("/etc/l\n"), "/etc/l": link("/no")})
    (finding,) = run(made, "broken-symlinks", Moment.PURGED)
    assert finding.text == "WARN: Broken symlinks:\n/etc/l -> /no"


def test_broken_links_fail_if_so_asked(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/l": link("/no")}, checks=CheckOptions(broken_symlinks_fail=True))
    (finding,) = run(made, "broken-symlinks", Moment.INSTALLED)
    assert finding.severity is Severity.ERROR
    assert finding.text.startswith("FAIL: Broken symlinks:\n")


def test_a_link_of_the_base_whose_target_goes_is_broken(tmp_path: Path) -> None:
    made = installed(tmp_path, {})
    for path in ("/usr/bin/sh", "/usr/bin"):
        made.examination.remove(path)
    (finding,) = run(made, "broken-symlinks", Moment.PURGED)
    assert finding.subjects == ("/bin",)


def test_links_below_ignored_folders_and_into_our_mounts_are_well(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/tmp/l": link("/no"), "/etc/mtab": link("../proc/self/mounts")})
    assert run(made, "broken-symlinks", Moment.INSTALLED) == []
    assert "DEBUG: No broken symlinks as far as we can find." in made.log


# -- over symlinks --------------------------------------------------------------------------------------------------


def over(tmp_path: Path, *, real_owned: bool, warn: bool = False) -> list[Finding]:
    nodes = {
        f"{INFO}/a.list": file("/usr/share/real\n/usr/share/link\n" + "/usr/share/real/x\n" * real_owned),
        f"{INFO}/b.list": file("/usr/share/link/x\n"),
        "/usr/share/real/x": file(),
        "/usr/share/link": link("real"),
    }
    made = installed(tmp_path, nodes, checks=CheckOptions(warn_on_over_symlink=warn))
    return run(made, "over-symlinks", Moment.BEFORE_REMOVAL)


def test_a_file_below_a_linked_directory_fails(tmp_path: Path) -> None:
    (finding,) = over(tmp_path, real_owned=False)
    assert finding.text == (
        "installs objects over existing directory symlinks:\n"
        "/usr/share/link/x (b) != /usr/share/real/x (?)\n"
        "  /usr/share/link -> real"
    )
    assert (finding.severity, finding.owners) == (Severity.ERROR, ("b",))


def test_a_file_that_collides_with_another_packages_fails_in_other_words(tmp_path: Path) -> None:
    (finding,) = over(tmp_path, real_owned=True)
    assert finding.text.startswith("FAIL: silently overwrites files via directory symlinks:\n")
    assert "/usr/share/link/x (b) != /usr/share/real/x (a)" in finding.text


def test_files_below_links_only_inform_if_so_asked(tmp_path: Path) -> None:
    (finding,) = over(tmp_path, real_owned=False, warn=True)
    assert finding.severity is Severity.INFO


def test_a_merged_usr_is_accepted_and_mentioned(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": file("/bin/probe\n"), "/usr/bin/probe": file()})
    assert run(made, "over-symlinks", Moment.BEFORE_REMOVAL) == []
    assert "INFO: /bin converted to /usr/bin by /usr merge" in made.log


def test_a_new_link_in_the_way_of_the_bases_files_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/moved/issue": file(), "/etc": link("moved")})
    (finding,) = run(made, "over-symlinks", Moment.BEFORE_REMOVAL)
    assert "/etc/issue (base-files) != /moved/issue (?)" in finding.text


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
    made.examination.installed = made.examination.query_packages()
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
    made.examination.installed = made.examination.query_packages()
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
        "FAIL: Processes are running inside chroot:", "PID PPID UID COMMAND", "120    1   0 sleep 1000"
    ]
    assert finding.subjects == ("sleep 1000",)
    assert made.chroot.running == []


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
    outputs = iter(["install\tinstalled\tdash\t0.5\n", "install\tinstalled\tdash\t0.5\ninstall\tinstalled\tcron\t3\n"])
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
