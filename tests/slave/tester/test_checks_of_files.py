from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.outcome import Finding, Severity
from piufarm.slave.tester.checks import CHECKS
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import CheckOptions, UsrMove
from piufarm.slave.tester.state.ignores import IgnoreRule, builtin_rules
from piufarm.slave.tester.state.owners import FileLists
from tests.slave.tester.finding import INFO, installed, run
from tests.slave.tester.memory import file, link

PROBE_LIST = file("/.\n/usr\n/usr/share\n/usr/share/probe\n")


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


@pytest.mark.parametrize("compat", [True, False])
def test_what_systemd_and_cron_would_go_on_with_is_left_files(tmp_path: Path, compat: bool) -> None:
    nodes = {
        "/etc/systemd/system/timers.target.wants/probe.timer": link("/lib/systemd/system/probe.timer"),
        "/etc/tmpfiles.d/probe.conf": file(),
        "/etc/cron.d/probe": file(),
    }
    made = installed(tmp_path, nodes, checks=CheckOptions(builtin_rules(), compat=compat))
    (finding,) = run(made, "left-files", Moment.COMPARED)
    assert nodes.keys() <= set(finding.subjects)


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


def test_for_the_predecessor_a_directory_that_nobody_owned_has_disappeared(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}/probe.list": file("/opt\n")}, checks=CheckOptions(compat=True))
    made.examination.remove("/opt")
    (finding,) = run(made, "disappeared-files", Moment.COMPARED)
    assert finding.severity is Severity.ERROR


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


def test_of_an_upgrade_between_suites_only_links_of_packages_count_and_not_for_the_predecessor(tmp_path: Path) -> None:
    def looked_at(place: Path, *, compat: bool) -> list[Finding]:
        made = installed(place, {"/etc/of-base": link("/no")}, checks=CheckOptions(compat=compat))
        made.examination.reference = made.examination.present_state()
        made.chroot.add({"/etc/l": link("/no")})
        made.examination.remove("/nothing")
        return run(made, "broken-symlinks", Moment.BETWEEN_SUITES)

    (finding,) = looked_at(tmp_path / "ours", compat=False)
    assert finding.text == "WARN: Broken symlinks:\n/etc/l -> /no"
    assert looked_at(tmp_path / "theirs", compat=True) == []


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


# -- moves between / and /usr -----------------------------------------------------------------------------------------


def move(tmp_path: Path, before: str, after: str, *, compat: bool = False) -> list[Finding]:
    """Probe has these files before and after its upgrade; what is there is there in both places, as /usr is merged."""
    checks = CheckOptions(usr_move=UsrMove.WARN, compat=compat)
    made = installed(tmp_path, {"/usr/bin/probe": file()}, checks=checks)
    made.examination.earlier_lists = FileLists({"probe": before.split()})
    made.examination.lists = FileLists({"probe": after.split()})
    return run(made, "usr-move", Moment.UPGRADED)


def test_a_file_that_moves_into_usr_is_named_with_its_owners(tmp_path: Path) -> None:
    (finding,) = move(tmp_path, "/bin/probe", "/usr/bin/probe")
    assert finding.severity is Severity.WARNING
    assert finding.text == (
        "WARN: File(s) moved between /{bin|sbin|lib*} and /usr/{bin|sbin|lib*}:   "
        "/bin/probe ['probe'] => /usr/bin/probe ['probe']"
    )


def test_a_file_that_stays_or_goes_has_not_moved(tmp_path: Path) -> None:
    assert move(tmp_path, "/bin/probe", "/bin/probe") == []
    assert move(tmp_path / "gone", "/bin/gone /usr/share/probe", "/usr/bin/gone /share/probe") == []


def test_a_file_in_both_places_all_the_time_has_moved_for_the_predecessor_alone(tmp_path: Path) -> None:
    both = "/bin/probe /usr/bin/probe"
    assert move(tmp_path, both, both) == []
    assert len(move(tmp_path / "compat", both, both, compat=True)) == 1
