"""What fails, what warns and what is only mentioned: by check, moment and option, all in one table."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from piufarm.outcome import Severity
from piufarm.slave.chroot.interface import CommandResult, Process
from piufarm.slave.tester.checks import CHECKS, run_checks
from piufarm.slave.tester.checks.adequate_program import AdequateProgram
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import CheckOptions, RootOptions, UsrMove
from piufarm.slave.tester.examination import TestEnded
from piufarm.slave.tester.state.owners import FileLists
from tests.slave.tester.finding import INFO, installed
from tests.slave.tester.memory import SMALL_BASE, Bench, Node, answered, file, link

FAIL, WARN, INFO_ONLY = Severity.ERROR, Severity.WARNING, Severity.INFO
GOES_ON: Final = False
ENDS: Final = True
ADEQUATE: Final = "/tmp/piufarm-adequate"
LEFT: Final = {
    "/etc/left": file(), "/etc/issue": file("Debian\n", mode=0o600), "/etc/broken": link("/nowhere"),
    "/var/lib/dpkg/diversions": file("/a\n/b\nprobe\n"), "/usr/share/link": link("real"), "/usr/share/real/x": file(),
    "/etc/conf": file("edited"), "/etc/cron.daily/probe": file(mode=0o755), "/etc/logrotate.d/probe": file(),
    "/usr/sbin/moved": file(), "/etc/cron.d/table": file("@daily root /x\n"), "/usr/bin/sh": file("SHELL", mode=0o755),
    f"{INFO}/probe.list": file(
        "/usr/share/link/x\n/etc/conf\n/etc/cron.daily/probe\n/etc/logrotate.d/probe\n/usr/sbin/moved\n"
        "/etc/cron.d/table\n/etc/systemd/system/probe.service\n/usr/lib/tmpfiles.d/probe.conf\n"
    ),
    "/etc/systemd/system/probe.service": file("[Service]\nExecStart=/usr/lib/probe\n"),
    "/etc/systemd/system/a.target.wants/probe.service": link("../probe.service"),
    "/usr/lib/tmpfiles.d/probe.conf": file("d /var/lib/probe 0755 root root -\n"),
    "/var/lib/dpkg/alternatives/probe": file("auto\n"),
    "/etc/passwd": file("root:x:0:0::/root:/bin/sh\n"),
}  # fmt: skip


@dataclass(frozen=True)
class Row:
    """A check at a moment with options: what its findings weigh, and whether the test ends there."""

    check: str
    moment: Moment
    severities: set[Severity]
    ends: bool
    checks: CheckOptions = field(default_factory=CheckOptions)
    root: RootOptions = field(default_factory=RootOptions)
    level: str = "ERROR"

    def __str__(self) -> str:
        usual, default = CheckOptions(), RootOptions()
        given = [name for name in vars(usual) if getattr(self.checks, name) != getattr(usual, name)]
        given += [name for name in vars(default) if getattr(self.root, name) != getattr(default, name)]
        return " ".join([self.check, self.moment, *given])


DATABASE: Final = RootOptions(allow_database=True)
TABLE: Final = (
    Row("processes", Moment.START, {FAIL}, ENDS),
    Row("processes", Moment.DEPENDENCIES, {FAIL}, ENDS),
    Row("processes", Moment.INSTALLED, {FAIL}, ENDS),
    Row("processes", Moment.PURGED, {FAIL}, ENDS),
    Row("processes", Moment.START, {FAIL}, ENDS, root=DATABASE),
    Row("processes", Moment.DEPENDENCIES, {WARN}, GOES_ON, root=DATABASE),
    Row("processes", Moment.INSTALLED, {WARN}, GOES_ON, root=DATABASE),
    Row("processes", Moment.PURGED_ONCE, {WARN}, GOES_ON, root=DATABASE),
    Row("processes", Moment.PURGED, {FAIL}, ENDS, root=DATABASE),
    Row("broken-symlinks", Moment.INSTALLED, {WARN}, GOES_ON),
    Row("broken-symlinks", Moment.PURGED, {WARN}, GOES_ON),
    Row("broken-symlinks", Moment.START, {FAIL}, ENDS, CheckOptions(broken_symlinks_fail=True)),
    Row("broken-symlinks", Moment.DEPENDENCIES, {WARN}, GOES_ON, CheckOptions(broken_symlinks_fail=True)),
    Row("broken-symlinks", Moment.INSTALLED, {FAIL}, ENDS, CheckOptions(broken_symlinks_fail=True)),
    Row("broken-symlinks", Moment.PURGED_ONCE, {FAIL}, ENDS, CheckOptions(broken_symlinks_fail=True)),
    Row("broken-symlinks", Moment.PURGED, {FAIL}, ENDS, CheckOptions(broken_symlinks_fail=True)),
    Row("broken-symlinks", Moment.BETWEEN_SUITES, {WARN}, GOES_ON),
    Row("broken-symlinks", Moment.BETWEEN_SUITES, set(), GOES_ON, CheckOptions(compat=True)),
    Row("broken-symlinks", Moment.BETWEEN_SUITES, {FAIL}, ENDS, CheckOptions(broken_symlinks_fail=True)),
    Row("broken-symlinks", Moment.INSTALLED, set(), GOES_ON, CheckOptions(symlinks=False, broken_symlinks_fail=True)),
    Row("usr-move", Moment.UPGRADED, set(), GOES_ON),
    Row("usr-move", Moment.UPGRADED, {WARN}, GOES_ON, CheckOptions(usr_move=UsrMove.WARN), level="WARNING"),
    Row("usr-move", Moment.UPGRADED, {FAIL}, ENDS, CheckOptions(usr_move=UsrMove.FAIL)),
    Row("over-symlinks", Moment.BEFORE_REMOVAL, {FAIL}, ENDS),
    Row("over-symlinks", Moment.BEFORE_REMOVAL, {INFO_ONLY}, GOES_ON, CheckOptions(warn_on_over_symlink=True)),
    Row("debsums", Moment.BEFORE_REMOVAL, {FAIL}, ENDS),
    Row("debsums", Moment.PURGED_ONCE, {FAIL}, ENDS),
    Row("debsums", Moment.BEFORE_REMOVAL, {WARN}, GOES_ON, CheckOptions(warn_on_debsums=True)),
    Row("adequate", Moment.BEFORE_REMOVAL, {WARN}, GOES_ON),
    Row("adequate", Moment.BEFORE_REMOVAL, {FAIL}, ENDS, CheckOptions(inadequate_fails=True)),
    Row("adequate", Moment.BEFORE_REMOVAL, set(), GOES_ON, CheckOptions(adequate=False, inadequate_fails=True)),
    Row("cron-files", Moment.REMOVED, {FAIL}, ENDS),
    Row("cron-files", Moment.REMOVED, set(), GOES_ON, CheckOptions(cron_files=False)),
    Row("logrotate-files", Moment.REMOVED, {FAIL}, ENDS),
    Row("logrotate-files", Moment.REMOVED, set(), GOES_ON, CheckOptions(logrotate_files=False)),
    Row("diversions", Moment.COMPARED, {FAIL}, GOES_ON),
    Row("diversions", Moment.COMPARED, set(), GOES_ON, CheckOptions(diversions=False)),
    Row("left-files", Moment.COMPARED, {FAIL}, GOES_ON),
    Row("left-files", Moment.COMPARED, {INFO_ONLY}, GOES_ON, CheckOptions(warn_on_leftovers=True)),
    Row("left-files", Moment.COMPARED, {FAIL, INFO_ONLY}, GOES_ON, CheckOptions(warn_on_others=True)),
    Row("disappeared-files", Moment.COMPARED, {FAIL}, GOES_ON, CheckOptions(warn_on_leftovers=True)),
    Row("disappeared-files", Moment.COMPARED, {INFO_ONLY}, GOES_ON, CheckOptions(warn_on_others=True)),
    Row("modified-files", Moment.COMPARED, {FAIL}, GOES_ON, CheckOptions(warn_on_leftovers=True)),
    Row("modified-files", Moment.COMPARED, {FAIL, INFO_ONLY}, GOES_ON, CheckOptions(warn_on_others=True)),
    Row("edited-files", Moment.COMPARED, {FAIL}, GOES_ON),
    Row("extended-attributes", Moment.COMPARED, {FAIL}, GOES_ON),
    Row("alternatives", Moment.COMPARED, {FAIL}, GOES_ON),
    Row("accounts", Moment.COMPARED, {FAIL}, GOES_ON),
    Row("cron-tables", Moment.REMOVED, {FAIL}, GOES_ON),
    Row("cron-tables", Moment.REMOVED, set(), GOES_ON, CheckOptions(cron_files=False)),
    Row("systemd-units", Moment.REMOVED, {FAIL}, GOES_ON),
    Row("tmpfiles", Moment.BEFORE_REMOVAL, {WARN}, GOES_ON),
    *(
        Row(name, moment, set(), GOES_ON, CheckOptions(compat=True))
        for name, moment in (
            ("edited-files", Moment.COMPARED), ("extended-attributes", Moment.COMPARED),
            ("alternatives", Moment.COMPARED), ("accounts", Moment.COMPARED), ("cron-tables", Moment.REMOVED),
            ("systemd-units", Moment.REMOVED), ("tmpfiles", Moment.BEFORE_REMOVAL),
        )
    ),
)  # fmt: skip


def answer(_: object, argv: tuple[str, ...]) -> CommandResult | None:
    """Everything that a check runs complains; probe's conffile should hold other content."""
    if argv[0] == "dpkg-query":
        return answered(argv, "install\tinstalled\tprobe\t1\n /etc/conf 0123456789abcdef0123456789abcdef\n")
    return answered(argv, "" if argv[0] in ("apt-get", "md5sum") else "complaint\n")


def faulty(tmp_path: Path, row: Row) -> Bench:
    """A chroot in which every check has something to find."""
    made = installed(tmp_path, {"/etc/left-by-others": file(), "/etc/issue": LEFT["/etc/issue"]}, answer,
                     checks=row.checks, root=row.root)
    made.examination.remove("/bin")
    made.examination.dependencies = made.examination.present_state()
    rest: dict[str, Node] = {path: node for path, node in LEFT.items() if path != "/etc/issue"}
    rest["/usr/bin/sh"] = Node(SMALL_BASE["/usr/bin/sh"].entry._replace(mtime_ns=1), b"SHELL")
    made.chroot.add(rest)
    made.chroot.xattrs["/etc/issue"] = {"security.capability": b"1"}
    made.chroot.running = [Process(120, 1, 0, "sleep 1000", "/usr/bin/sleep")]
    made.examination.is_untouched = False
    made.examination.remove("/nothing")
    made.examination.lists = made.examination.present_lists()
    made.examination.earlier_lists = FileLists({"probe": ["/sbin/moved"]})
    return made


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_a_finding_weighs_what_the_table_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    (check,) = [check for check in CHECKS if check.name == row.check]
    monkeypatch.setattr("piufarm.slave.tester.checks.CHECKS", (check,))
    monkeypatch.setattr("piufarm.slave.tester.checks.processes._GRACE_SECONDS", 0.0)
    monkeypatch.setattr(
        "piufarm.slave.tester.checks.adequate.adequate_program", lambda: AdequateProgram("1", b"x")
    )
    made = faulty(tmp_path, row)
    ended = False
    try:
        run_checks(made.examination, row.moment)
    except TestEnded:
        ended = True
    assert {finding.severity for finding in made.examination.findings} == row.severities, made.log
    assert ended is row.ends
    for finding in made.examination.findings:
        level = "INFO" if finding.severity is INFO_ONLY else row.level
        assert f"{level}: {finding.text.split(chr(10))[0]}" in made.log
        assert not finding.text.startswith("WARN: ") or finding.severity is WARN
        assert finding.severity is FAIL or row.check == "debsums" or not finding.text.startswith("FAIL: ")


def test_every_check_is_in_the_table() -> None:
    assert {row.check for row in TABLE} == {check.name for check in CHECKS}
