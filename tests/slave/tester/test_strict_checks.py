"""Checks that the predecessor does not have, on chroots in memory."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.outcome import Severity
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.tester.checks import CHECKS
from piufarm.slave.tester.checks.accounts import changed, gone, left
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.checks.tmpfiles import made_at_boot
from piufarm.slave.tester.command_line.options import CheckOptions
from piufarm.slave.tester.state.alternatives import ALTERNATIVES, Alternative, difference, parse_alternative
from piufarm.slave.tester.state.cron_table import CronJob, parse_cron_table
from piufarm.slave.tester.state.identities import Identities
from tests.slave.tester.finding import INFO, installed, run
from tests.slave.tester.memory import SMALL_BASE, Node, answered, file, link

ADDITIONAL = (
    "edited-files", "extended-attributes", "alternatives", "accounts", "cron-tables", "systemd-units", "tmpfiles"
)


@pytest.mark.parametrize("name", ADDITIONAL)
def test_none_of_them_is_made_for_somebody_who_wants_the_predecessors_verdicts(name: str) -> None:
    (check,) = [check for check in CHECKS if check.name == name]
    assert check.is_wanted(CheckOptions())
    assert not check.is_wanted(CheckOptions(compat=True))


# -- edited files -----------------------------------------------------------------------------------------------------


def rewritten(node: Node) -> Node:
    """The same at another time."""
    return Node(node.entry._replace(mtime_ns=node.entry.mtime_ns + 1), node.content)


def test_an_edit_of_the_same_size_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/issue": rewritten(file("debian\n"))})
    (finding,) = run(made, "edited-files", Moment.COMPARED)
    assert finding.severity is Severity.ERROR
    assert finding.text == (
        "FAIL: After purging files have another content of the same size:\n/etc/issue\t owned by: base-files\n"
    )


def test_an_edit_that_hides_its_time_fails_where_the_backend_tells_what_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = installed(tmp_path, {"/etc/issue": Node(SMALL_BASE["/etc/issue"].entry, b"debian\n")})
    changes = replace(made.chroot.changes(), rewritten=frozenset({"/etc/issue"}))
    monkeypatch.setattr(made.chroot, "changes", lambda: changes)
    made.examination.remove("/nothing")
    (finding,) = run(made, "edited-files", Moment.COMPARED)
    assert finding.subjects == ("/etc/issue",)


def test_a_file_that_was_written_anew_with_the_same_content_passes(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/issue": rewritten(SMALL_BASE["/etc/issue"])})
    assert run(made, "edited-files", Moment.COMPARED) == []


def test_an_edit_that_other_checks_see_is_not_reported_twice(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/issue": file("longer than before\n")})
    assert run(made, "edited-files", Moment.COMPARED) == []


def test_an_edit_of_an_ignored_file_passes(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/passwd": rewritten(Node(SMALL_BASE["/etc/passwd"].entry, b"x"))})
    assert run(made, "edited-files", Moment.COMPARED) == []


def test_what_was_edited_before_the_reference_was_taken_is_not_compared_with_the_base(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/issue": rewritten(file("debian\n"))})
    made.examination.reference = made.examination.present_state()
    made.chroot.add({"/etc/issue": rewritten(rewritten(file("DEBIAN\n")))})
    made.examination.remove("/nothing")
    assert run(made, "edited-files", Moment.COMPARED) == []


def test_a_device_node_that_became_another_device_fails(tmp_path: Path) -> None:
    def node(minor: int) -> Node:
        entry = file().entry._replace(mode=stat.S_IFCHR | 0o644, device=os.makedev(1, minor))
        return Node(entry)

    made = installed(tmp_path, {"/var/null": node(3)})
    made.examination.reference = made.examination.present_state()
    made.chroot.add({"/var/null": node(5)})
    made.examination.remove("/nothing")
    (finding,) = run(made, "edited-files", Moment.COMPARED)
    assert finding.text.startswith("FAIL: After purging device nodes have become other devices:\n/var/null")


# -- extended attributes ----------------------------------------------------------------------------------------------


def test_a_capability_that_is_left_on_another_packages_file_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {})
    made.chroot.xattrs["/etc/issue"] = {"security.capability": b"\1", "security.selinux": b"x"}
    (finding,) = run(made, "extended-attributes", Moment.COMPARED)
    assert finding.text.split("\n")[1:] == ["/etc/issue: security.capability is new"]
    assert finding.owners == ("base-files",)


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (b"\1\0\0\2" + b"\x20" * 16, b"\1\0\0\3" + b"\x20" * 16 + b"\xa0\x86\1\0", True),
        (b"\1\0\0\2" + b"\x20" * 16, b"\1\0\0\2" + b"\x21" * 16, False),
        (b"\1\0\0\2" + b"\x20" * 16, b"\0\0\0\2" + b"\x20" * 16, False),
    ],
    ids=["of another namespace", "another right", "not effective"],
)
def test_a_capability_is_what_it_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes, after: bytes, same: bool
) -> None:
    made = installed(tmp_path, {})
    made.chroot.xattrs["/etc/issue"] = {"security.capability": after}
    monkeypatch.setattr(
        "piufarm.slave.tester.checks.extended_attributes.base_attributes",
        lambda _, path: {"security.capability": before} if path == "/etc/issue" else {},
    )
    assert (run(made, "extended-attributes", Moment.COMPARED) == []) is same


def test_an_attribute_of_a_new_file_is_that_files_business(tmp_path: Path) -> None:
    made = installed(tmp_path, {"/etc/new": file()})
    made.chroot.xattrs["/etc/new"] = {"user.x": b"1"}
    assert run(made, "extended-attributes", Moment.COMPARED) == []


# -- users and groups -------------------------------------------------------------------------------------------------

BEFORE = Identities.parse(b"root:x:0:0:::\ndaemon:x:1:1::/d:/bin/false\n", b"root:x:0:\nstaff:x:50:daemon\n")
AFTER = Identities.parse(
    b"root:x:0:0:::\nsys:x:100:100:::\nann:x:1000:1000:::\n", b"staff:x:50:root,sys\nsys:x:100:\nann:x:1000:\n"
)


def test_users_are_told_apart_by_their_number() -> None:
    assert list(left(BEFORE, AFTER, for_people=False)) == ["user sys (100)", "group sys (100)"]
    assert list(left(BEFORE, AFTER, for_people=True)) == ["user ann (1000)", "group ann (1000)"]


def test_users_and_groups_that_went_and_members_that_changed_are_named() -> None:
    assert list(gone(BEFORE, AFTER)) == ["user daemon", "group root"]
    assert list(changed(BEFORE, AFTER)) == [
        "group staff: daemon is no member any more", "group staff: root is a member now"
    ]


def test_a_user_of_the_base_with_another_shell_is_changed() -> None:
    after = Identities.parse(b"root:x:0:0:::\ndaemon:x:1:1::/d:/bin/sh\n", b"root:x:0:\nstaff:x:50:daemon\n")
    assert list(changed(BEFORE, after)) == ["user daemon: shell /bin/false -> /bin/sh"]


def test_a_system_user_that_stays_is_only_mentioned(tmp_path: Path) -> None:
    passwd = SMALL_BASE["/etc/passwd"].content + b"probe:x:150:150:::\n"
    made = installed(tmp_path, {"/etc/passwd": file(passwd)})
    (finding,) = run(made, "accounts", Moment.COMPARED)
    assert finding.severity is Severity.INFO


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_any_content_of_passwd_and_group_can_be_compared(passwd: bytes, group: bytes) -> None:
    known = Identities.parse(passwd, group)
    assert [*gone(known, known), *changed(known, known), *left(known, known, for_people=True)] == []


# -- alternatives -----------------------------------------------------------------------------------------------------

PAGER = b"auto\n/usr/bin/pager\npager.1.gz\n/usr/share/man/man1/pager.1.gz\n\n/bin/more\n50\n/usr/m.gz\n\n"


def test_a_record_of_alternatives_is_read() -> None:
    assert parse_alternative(PAGER) == Alternative(
        "auto", ("/usr/bin/pager", "/usr/share/man/man1/pager.1.gz"), (("/bin/more", "50"),)
    )


def test_what_became_of_an_alternative_is_said_in_words() -> None:
    before, after = parse_alternative(PAGER), Alternative("manual", ("/usr/bin/pager",), (("/bin/less", "7"),))
    assert difference(before, after) == "mode auto -> manual, other links, without /bin/more, with /bin/less"
    assert difference(before, before._replace(choices=(("/bin/more", "5"),))) == (
        "/bin/more has priority 5 instead of 50"
    )


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_any_record_can_be_compared(one: bytes, other: bytes) -> None:
    assert difference(parse_alternative(one), parse_alternative(one)) == ""
    assert isinstance(difference(parse_alternative(one), parse_alternative(other)), str)


def test_an_alternative_left_behind_fails(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{ALTERNATIVES}pager": file(PAGER)})
    (finding,) = run(made, "alternatives", Moment.COMPARED)
    assert finding.text == "FAIL: Package purging left alternatives on system:\npager"


# -- cron tables ------------------------------------------------------------------------------------------------------

TABLE = b"""# m h
SHELL=/bin/bash
PATH = "/sbin:/bin"
*/5 * * * * root  test -x /x && /x --at 50\\% %input
@daily\tnobody /y
1 2 3 root too few
"""


def test_a_cron_table_is_read_as_cron_reads_it() -> None:
    variables = {"SHELL": "/bin/bash", "PATH": "/sbin:/bin"}
    assert list(parse_cron_table(TABLE)) == [
        CronJob("root", "test -x /x && /x --at 50%", variables), CronJob("nobody", "/y", variables)
    ]


@given(st.binary(max_size=200))
def test_any_cron_table_can_be_read(content: bytes) -> None:
    assert all(job.user and job.shell for job in parse_cron_table(content))


CRON = {f"{INFO}/probe.list": file("/etc/cron.d/probe\n"), "/etc/cron.d/probe": file(TABLE)}


def test_a_line_of_a_cron_table_that_prints_after_removal_fails(tmp_path: Path) -> None:
    def answer(_: object, argv: tuple[str, ...]) -> CommandResult | None:
        return answered(argv, "not found\n") if argv[0] == "/bin/bash" else None

    made = installed(tmp_path, CRON, answer)
    (finding,) = run(made, "cron-tables", Moment.REMOVED)
    assert finding.text.split("\n") == [
        "FAIL: Cron table /etc/cron.d/probe has output with package removed",
        "root: test -x /x && /x --at 50%",
        "  not found",
    ]
    assert made.chroot.environment["PATH"] == "/sbin:/bin"
    assert made.chroot.commands == [("/bin/bash", "-c", "test -x /x && /x --at 50%")], "nobody is unknown here"


def test_a_line_runs_as_its_user(tmp_path: Path) -> None:
    made = installed(tmp_path, {**CRON, "/etc/cron.d/probe": file("@daily daemon /y\n")})
    assert run(made, "cron-tables", Moment.REMOVED) == []
    assert made.chroot.commands == [("/usr/sbin/runuser", "-u", "daemon", "--", "/bin/sh", "-c", "/y")]


def test_tables_that_cron_does_not_read_are_left_alone(tmp_path: Path) -> None:
    nodes = {f"{INFO}/probe.list": file("/etc/cron.d/probe.sample\n"), "/etc/cron.d/probe.sample": file(TABLE)}
    made = installed(tmp_path, nodes)
    assert run(made, "cron-tables", Moment.REMOVED) == []
    assert made.chroot.commands == []


# -- services ---------------------------------------------------------------------------------------------------------

UNIT = "/etc/systemd/system/probe.service"
WANTED = {"/etc/systemd/system/timers.target.wants/probe.timer": link("../probe.timer")}


def services(tmp_path: Path, unit: str, more: dict[str, Node]) -> list[str]:
    made = installed(tmp_path, {f"{INFO}/probe.list": file(f"{UNIT}\n"), UNIT: file(unit), **more})
    return [finding.text for finding in run(made, "systemd-units", Moment.REMOVED)]


def test_a_service_that_a_timer_would_start_without_its_program_fails(tmp_path: Path) -> None:
    (text,) = services(tmp_path, "[Service]\nExecStart=-/bin/true\nExecStart=@/usr/lib/probe probe\n", WANTED)
    assert text == (
        f"FAIL: Services are still enabled with their package removed:\n{UNIT} would start /usr/lib/probe"
    )


@pytest.mark.parametrize(
    ("unit", "more"),
    [
        ("[Service]\nExecStart=/bin/sh\n", WANTED),
        ("[Unit]\nConditionPathExists=/usr/lib/probe\n[Service]\nExecStart=/usr/lib/probe\n", WANTED),
        ("[Service]\nExecStart=/usr/lib/probe\n", {}),
        ("[Service]\nExecStart=/usr/lib/probe\n", {**WANTED, UNIT: link("/dev/null")}),
    ],
    ids=["has its program", "asks first", "is not enabled", "is masked"],
)
def test_a_service_that_does_no_harm_passes(tmp_path: Path, unit: str, more: dict[str, Node]) -> None:
    assert services(tmp_path, unit, more) == []


# -- tmpfiles.d -------------------------------------------------------------------------------------------------------

TMPFILES = b"""# comment
d /run/probe 0755 root root -
d  /var/lib/probe 0755 root root - -
L+ "/etc/a b" - - - - /usr/share/x
f! /var/cache/%p/x
z /var/log/probe 0640
"""


def test_what_lasts_of_tmpfiles_is_told() -> None:
    assert list(made_at_boot(TMPFILES)) == ["/var/lib/probe", "/etc/a b"]


@given(st.binary(max_size=100))
def test_any_content_of_tmpfiles_can_be_read(content: bytes) -> None:
    assert all(path.startswith("/") for path in made_at_boot(content))


@pytest.mark.parametrize(
    ("postrm", "more", "left"),
    [
        ("", {}, True),
        ("rm -rf /var/lib/probe", {}, False),
        ("systemd-tmpfiles --purge probe.conf", {}, False),
        ("", {f"{INFO}/other.list": file("/var/lib/probe\n")}, False),
    ],
    ids=["nobody removes it", "the script does", "systemd does", "it is packaged"],
)
def test_what_is_made_at_boot_and_never_removed_warns(
    tmp_path: Path, postrm: str, more: dict[str, Node], left: bool
) -> None:
    conf = "/usr/lib/tmpfiles.d/probe.conf"
    nodes = {f"{INFO}/probe.list": file(f"{conf}\n"), conf: file("d /var/lib/probe\n"),
             f"{INFO}/probe.postrm": file(postrm), **more}
    findings = run(installed(tmp_path, nodes), "tmpfiles", Moment.BEFORE_REMOVAL)
    assert [finding.severity for finding in findings] == [Severity.WARNING] * left
