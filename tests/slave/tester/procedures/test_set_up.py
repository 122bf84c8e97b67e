from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.tester.command_line.options import Options, TestOptions
from piufarm.slave.tester.procedures.install_purge import INSTALL_PURGE
from piufarm.slave.tester.scripts.script_set import CustomScript, ScriptSet
from piufarm.slave.tester.steps.set_up import set_up
from tests.slave.tester.memory import Bench, answered, bench, file

BASE = "install\tinstalled\tbase-files\t12\n\ninstall\tinstalled\tdash\t0.5\n\n"
ADDED = "install\tinstalled\thelper\t1\n\n"
PROBE = "install\tinstalled\tprobe\t1\n\n"


def with_script(tmp_path: Path, *, status: int = 0) -> Bench:
    """A test with a script that installs a package and makes a file."""
    scripts = ScriptSet((CustomScript("post_setup_helper", b"#!/bin/sh\n", 0o755),))
    answers = iter([BASE + ADDED, BASE + ADDED + PROBE, BASE + ADDED])

    def answer(_: object, argv: Sequence[str]) -> CommandResult | None:
        if argv[0] == "dpkg-query":
            return answered(argv, next(answers))
        if argv[0].endswith("post_setup_helper"):
            made.chroot.add({"/etc/helper": file("x")})
            return answered(argv, status=status)
        return None

    made = bench(tmp_path, answer, options=Options(("probe",), apt=True, tests=TestOptions(scripts=scripts)))
    return made


def test_what_setting_up_changes_belongs_to_the_reference(tmp_path: Path) -> None:
    made = with_script(tmp_path)
    set_up(made.examination)
    INSTALL_PURGE.carry_out(made.examination)
    assert ("apt-get", "remove", "probe") in made.chroot.commands
    assert made.examination.findings == []
    assert "helper" in made.examination.reference.packages


def test_the_reference_is_the_base_where_nothing_was_set_up(tmp_path: Path) -> None:
    made = bench(tmp_path)
    before = made.examination.reference
    set_up(made.examination)
    assert made.examination.reference is before


def test_a_chroot_that_cannot_be_set_up_is_our_trouble(tmp_path: Path) -> None:
    made = with_script(tmp_path, status=1)
    with pytest.raises(FarmError, match="set up"):
        set_up(made.examination)
