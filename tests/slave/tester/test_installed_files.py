from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.slave.tester.command_line.options import CheckOptions
from piufarm.slave.tester.examination import TestEnded
from piufarm.slave.tester.output.installed_files import listing_files
from piufarm.slave.tester.state.ignores import builtin_rules
from tests.slave.tester.finding import INFO, installed
from tests.slave.tester.memory import Bench, file

ASKED = CheckOptions(builtin_rules(), list_installed_files=True)


def install(made: Bench) -> None:
    """Probe comes, with a file of its own and some damage."""
    made.chroot.add({f"{INFO}/probe.list": file("/etc/probe\n"), "/etc/probe": file(), "/run/x": file()})
    made.chroot.add({"/etc/issue": file("Debian\n", mode=0o600)})
    made.examination.remove("/usr/bin/sh")


def test_what_an_installation_brings_takes_and_changes_is_listed_with_its_owners(tmp_path: Path) -> None:
    made = installed(tmp_path, {}, checks=ASKED)
    with listing_files(made.examination):
        install(made)
    first = made.log.index("DEBUG: New installed files on system:")
    assert made.log[first:] == [
        "DEBUG: New installed files on system:",
        "  /etc/probe\t owned by: probe",
        f"  {INFO}/probe.list\t not owned",
        "",
        "DEBUG: The following files have disappeared:",
        "  /usr/bin/sh\t not owned",
        "",
        "DEBUG: The following files have been modified:",
        "  /etc/issue\t owned by: base-files",
        "",
        "",
    ]


def test_nothing_is_listed_unless_asked_for(tmp_path: Path) -> None:
    made = installed(tmp_path, {}, checks=CheckOptions(builtin_rules()))
    with listing_files(made.examination):
        install(made)
    assert made.log == [""]


def test_an_installation_that_fails_is_not_listed(tmp_path: Path) -> None:
    made = installed(tmp_path, {}, checks=ASKED)
    with pytest.raises(TestEnded), listing_files(made.examination):
        install(made)
        raise TestEnded("commands")
    assert made.log == [""]
