from __future__ import annotations

from pathlib import Path

import pytest

from piufarm.outcome import Finding, Severity
from piufarm.run import run as run_program
from piufarm.slave.chroot.interface import CommandResult, Limit
from piufarm.slave.tester.blame.culprits import charge
from piufarm.slave.tester.checks.adequate_program import AdequateProgram, adequate_program
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import CheckOptions
from tests.slave.tester.finding import installed, run
from tests.slave.tester.memory import Bench, answered

PLACE = "/tmp/piufarm-adequate"


def looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str, status: int = 0, *, stopped_by: Limit | None = None,
    checks: CheckOptions | None = None,
) -> tuple[Bench, list[Finding]]:
    """What becomes of adequate saying this."""
    program = AdequateProgram("1.5", b"#!/usr/bin/perl\n")
    monkeypatch.setattr("piufarm.slave.tester.checks.adequate.adequate_program", lambda: program)

    def answer(_: object, argv: tuple[str, ...]) -> CommandResult | None:
        return answered(argv, output, status, stopped_by) if argv[0] == PLACE else None

    made = installed(tmp_path, {}, answer, checks=checks)
    return made, run(made, "adequate", Moment.BEFORE_REMOVAL)


def texts(findings: list[Finding]) -> list[str]:
    return [finding.text for finding in findings]


def test_silence_is_adequate_and_nothing_of_ours_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, findings = looked_at(tmp_path, monkeypatch, "")
    assert findings == []
    assert made.chroot.commands == [(PLACE, "probe")]
    assert not made.chroot.exists(PLACE)
    assert "INFO: Running adequate version 1.5 now." in made.log


def test_tags_are_told_apart_and_only_warn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = "probe: broken-symlink /a -> /b\nprobe: missing-copyright-file /c\nprobe: ldd-failure /d\n"
    _, findings = looked_at(tmp_path, monkeypatch, output)
    assert texts(findings) == [
        "WARN: Inadequate results from running adequate!\n" + output.strip(),
        "WARN: Running adequate resulted in inadequate tags found:  ldd-failure  missing-copyright-file ",
        "WARN: Running adequate resulted in less interesting tags found:  broken-symlink ",
    ]
    assert {finding.severity for finding in findings} == {Severity.WARNING}


def test_a_tag_counts_between_blanks_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, findings = looked_at(tmp_path, monkeypatch, "probe: ldd-failures /usr/x\nundefined-symbol: x\n", 3)
    assert texts(findings)[1:] == ["WARN: Found unknown tags running adequate.", "WARN: Exit code from adequate was 3!"]


def test_it_fails_if_so_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = CheckOptions(inadequate_fails=True)
    _, findings = looked_at(tmp_path, monkeypatch, "probe: ldd-failure /d\n", checks=checks)
    assert texts(findings)[1] == "FAIL: Running adequate resulted in inadequate tags found:  ldd-failure "
    assert {finding.severity for finding in findings} == {Severity.ERROR}


@pytest.mark.parametrize(("tag", "is_settled"), [("missing-copyright-file", True), ("undefined-symbol", False)])
def test_it_is_the_package_that_adequate_complains_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tag: str, is_settled: bool
) -> None:
    checks = CheckOptions(inadequate_fails=True)
    output = f"probe:amd64: {tag} /usr/x (libx.so)\nelsewhere: {tag} /y\nprobe is: not meant\n"
    made, findings = looked_at(tmp_path, monkeypatch, output, checks=checks)
    charged = [charge(finding, made.chroot, made.examination.lists) for finding in findings]
    assert [(finding.culprits, finding.is_settled) for finding in charged] == [(("probe",), is_settled)] * 2


def test_nobody_is_charged_with_adequate_ending_badly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, (finding,) = looked_at(tmp_path, monkeypatch, "", 3)
    assert charge(finding, made.chroot, made.examination.lists).culprits == ()


def test_one_that_takes_too_long_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, findings = looked_at(tmp_path, monkeypatch, "", -15, stopped_by=Limit.TIME)
    assert texts(findings) == ["WARN: Running adequate was ended at the time limit."]


def test_one_that_the_root_cannot_run_says_nothing_about_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, findings = looked_at(tmp_path, monkeypatch, f"{PLACE}: No such file or directory\n", 127)
    assert findings == []
    assert any("adequate does not run in this root" in line for line in made.log)


def test_something_in_its_place_keeps_it_from_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "piufarm.slave.tester.checks.adequate.adequate_program", lambda: AdequateProgram("1.5", b"x")
    )
    made = installed(tmp_path, {})
    made.chroot.obstructed.add(PLACE)
    assert run(made, "adequate", Moment.BEFORE_REMOVAL) == []
    assert made.chroot.commands == []


def test_it_is_not_run_if_so_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = looked_at(tmp_path, monkeypatch, "", checks=CheckOptions(adequate=False))
    assert made.chroot.commands == []


def test_a_script_takes_along_what_a_base_lacks_of_perl(tmp_path: Path) -> None:
    library = tmp_path / "perl/5.99"
    library.mkdir(parents=True)
    (library / "English.pm").write_text("package English; sub import { print 'English ' }\n1;\n__END__\nsub broken {\n")
    script = tmp_path / "adequate"
    script.write_text("#!/usr/bin/perl\nuse English;\nprint __FILE__, ' ', __LINE__, \"\\n\";\n")
    status = tmp_path / "status"
    status.write_text("Package: adequate-extra\nVersion: 9\n\nPackage: adequate\nStatus: x\nVersion: 0.15\n\n")
    program = adequate_program(script, library=tmp_path / "perl", status=status)
    assert program is not None
    assert program.version == "0.15"
    whole = tmp_path / "whole"
    whole.write_bytes(program.content)
    done = run_program(["perl", "-e", "@INC = (); do $ARGV[0] or die $@", whole], check=False)
    assert done.stdout == b"English /usr/bin/adequate 3\n", done.stderr


def test_a_compiled_adequate_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "adequate").write_bytes(b"\x7fELF")
    (tmp_path / "status").write_text("")
    program = adequate_program(tmp_path / "adequate", status=tmp_path / "status")
    assert program == AdequateProgram("of unknown version", b"\x7fELF")


def test_a_host_without_adequate_is_fine(tmp_path: Path) -> None:
    assert adequate_program(tmp_path / "adequate") is None
