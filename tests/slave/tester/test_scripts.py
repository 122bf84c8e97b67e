"""Custom scripts: when they run, what they see, and what becomes of a test if one fails."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from demo.debs import DebSpec, build
from piufarm.errors import FarmError
from piufarm.outcome import Outcome, Severity, judge
from piufarm.slave.chroot.interface import CommandResult, Limit
from piufarm.slave.tester.command_line.options import Options, TestOptions
from piufarm.slave.tester.examination import TestEnded
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.scripts.running import Skipped, require_testable, run_scripts
from piufarm.slave.tester.scripts.script_set import CustomScript, ScriptSet
from piufarm.slave.tester.steps.set_up import set_up
from tests.slave.tester.memory import Answer, Bench, MemoryChroot, answered, bench, file


def scripted(
    tmp_path: Path, *names: str, answers: Sequence[Answer] = (), operands: Sequence[str] = ("probe=1",)
) -> Bench:
    """An examination with these scripts."""
    scripts = ScriptSet(tuple(CustomScript(name, name.encode(), 0o755) for name in names))
    options = Options(tuple(operands), apt=True, tests=TestOptions(scripts=scripts))
    return bench(tmp_path, *answers, options=options)


def statuses(**by_name: int) -> Answer:
    """Answers each script with a status."""

    def answer(_: object, argv: Sequence[str]) -> CommandResult | None:
        status = by_name.get(argv[0].rpartition("/")[2])
        return None if status is None else answered(argv, status=status)

    return answer


def test_nothing_happens_without_a_directory_of_scripts(tmp_path: Path) -> None:
    made = bench(tmp_path)
    run_scripts(made.examination, "pre_test")
    require_testable(made.examination)
    assert made.log == [""]
    assert made.chroot.commands == []


def test_a_phase_is_logged_even_if_it_has_no_scripts(tmp_path: Path) -> None:
    made = scripted(tmp_path, "pre_test_x")
    run_scripts(made.examination, "post_test")
    assert made.log == ["INFO: Running scripts post_test", ""]
    assert made.examination.is_untouched


def test_the_scripts_of_a_phase_run_in_order_with_all_others_beside_them(tmp_path: Path) -> None:
    beside: list[set[str]] = []

    def look(chroot: MemoryChroot, argv: Sequence[str]) -> None:
        beside.append({path for path in chroot.nodes if path.startswith("/tmp/scripts/")})

    made = scripted(tmp_path, "post_test_z", "pre_test_a", "pre_test_b", answers=[look])
    run_scripts(made.examination, "pre_test")
    assert made.chroot.commands == [("tmp/scripts/pre_test_a",), ("tmp/scripts/pre_test_b",)]
    whole = {f"/tmp/scripts/{name}" for name in ("post_test_z", "pre_test_a", "pre_test_b")}
    assert beside == [whole, whole]
    assert not whole & made.chroot.nodes.keys()


def test_scripts_that_a_package_has_changed_are_placed_afresh(tmp_path: Path) -> None:
    seen: list[bytes | None] = []

    def look(chroot: MemoryChroot, argv: Sequence[str]) -> None:
        seen.append(chroot.read(f"/{argv[0]}"))

    made = scripted(tmp_path, "pre_test_a", answers=[look])
    made.chroot.add({"/tmp/scripts/pre_test_a": file("changed", mode=0o644)})
    run_scripts(made.examination, "pre_test")
    assert seen == [b"pre_test_a"]


def test_a_failing_script_fails_the_test(tmp_path: Path) -> None:
    made = scripted(tmp_path, "pre_test_a", "pre_test_b", answers=[statuses(pre_test_a=3)])
    with pytest.raises(TestEnded):
        run_scripts(made.examination, "pre_test")
    assert "ERROR: Command failed (status=3): ['chroot', '/tmp/tmpmemory', 'tmp/scripts/pre_test_a']" in made.log
    assert judge(made.examination.findings) is Outcome.FAIL
    assert made.chroot.commands == [("tmp/scripts/pre_test_a",)]
    assert not made.chroot.exists("/tmp/scripts/pre_test_a")


def test_what_is_in_the_place_of_the_scripts_fails_the_test(tmp_path: Path) -> None:
    made = scripted(tmp_path, "pre_test_a")
    made.chroot.obstructed.add("/tmp/scripts/pre_test_a")
    made.examination.is_untouched = False
    with pytest.raises(TestEnded):
        run_scripts(made.examination, "pre_test")
    says = "FAIL: A file that the test needs cannot be written: write /tmp/scripts/pre_test_a: File exists"
    assert f"ERROR: {says}" in made.log
    assert [finding.text for finding in made.examination.findings] == [says]
    assert made.chroot.commands == []


def test_scripts_that_set_up_the_chroot_fail_the_farm_and_not_the_package(tmp_path: Path) -> None:
    made = scripted(tmp_path, "post_setup_a", answers=[statuses(post_setup_a=1)])
    with pytest.raises(FarmError, match="could not be set up"):
        set_up(made.examination)


def test_what_scripts_set_up_is_part_of_the_reference(tmp_path: Path) -> None:
    def make(chroot: MemoryChroot, argv: Sequence[str]) -> None:
        if argv[0].endswith("post_setup_a"):
            chroot.add({"/etc/made": file("x")})

    made = scripted(tmp_path, "post_setup_a", answers=[make])
    set_up(made.examination)
    assert made.examination.comparison().new == {}


# -- what scripts see -----------------------------------------------------------------------------------------------


def test_scripts_see_what_is_tested_now_and_nothing_of_earlier_steps(tmp_path: Path) -> None:
    made = scripted(tmp_path, "pre_test_a", operands=("other", "probe=1"))
    made.examination.set_variables(PIUPARTS_TEST="install", PIUPARTS_PHASE="install")
    run_scripts(made.examination, "pre_test")
    variables = {key: value for key, value in made.chroot.environment.items() if key.startswith("PIU")}
    assert variables == {
        "PIUPARTS_OBJECTS": "probe", "PIUPARTS_DISTRIBUTION": "sid", "PIUPARTS_TEST": "install",
        "PIUPARTS_PHASE": "install",
    }  # fmt: skip
    made.examination.set_variables(PIUPARTS_TEST="upgrade")
    run_scripts(made.examination, "pre_test")
    assert "PIUPARTS_PHASE" not in made.chroot.environment


def test_where_nothing_is_tested_scripts_see_no_package(tmp_path: Path) -> None:
    made = scripted(tmp_path, "post_setup_a")
    made.examination.group = Group(())
    run_scripts(made.examination, "post_setup")
    assert made.chroot.environment["PIUPARTS_OBJECTS"] == ""


def test_files_are_named_like_packages_and_their_control_data_can_be_read(tmp_path: Path) -> None:
    seen: list[str] = []

    def look(chroot: MemoryChroot, argv: Sequence[str]) -> None:
        seen.append((chroot.read(chroot.environment["PIUFARM_CONTROL"]) or b"").decode())

    made = scripted(tmp_path, "pre_install_a", answers=[look])
    debs = [build(DebSpec(name, depends=f"for-{name}"), tmp_path) for name in ("one", "two")]
    made.examination.group = Group(tuple(TestedPackage(f"{deb.name[:3]}=1", deb.name[:3], "1", deb) for deb in debs))
    run_scripts(made.examination, "pre_install")
    assert made.chroot.environment["PIUPARTS_OBJECTS"] == "one=1 two=1"
    paragraphs = seen[0].split("\n\n")
    assert [part.split("\n")[0] for part in paragraphs] == ["Package: one", "Package: two"]
    assert "Depends: for-two" in paragraphs[1]
    assert not made.chroot.exists("/tmp/scripts/control")


def test_a_file_that_has_gone_is_no_fault_of_the_package(tmp_path: Path) -> None:
    made = scripted(tmp_path, "pre_install_a")
    made.examination.group = Group((TestedPackage("one=1", "one", "1", tmp_path / "gone.deb"),))
    with pytest.raises(FarmError, match=r"cannot read .*gone\.deb again"):
        run_scripts(made.examination, "pre_install")


# -- whether packages can be tested ---------------------------------------------------------------------------------

NAMES = ("is_testable_a", "is_testable_b", "is_testable_c")


def test_packages_that_no_script_objects_to_are_tested(tmp_path: Path) -> None:
    made = scripted(tmp_path, *NAMES)
    require_testable(made.examination)
    assert len(made.chroot.commands) == 3
    assert made.examination.findings == []


@pytest.mark.parametrize(
    "answers", [{"is_testable_b": 1}, {"is_testable_a": 4, "is_testable_c": 1}, {"is_testable_a": 125}]
)
def test_packages_that_a_script_objects_to_are_skipped(tmp_path: Path, answers: dict[str, int]) -> None:
    made = scripted(tmp_path, *NAMES, answers=[statuses(**answers)])
    with pytest.raises(Skipped):
        require_testable(made.examination)
    assert len(made.chroot.commands) == 3
    assert made.log[-2:] == ["INFO: SKIP: All tests. Package cannot be tested with piuparts: probe.", ""]
    assert [finding.severity for finding in made.examination.findings] == [Severity.WARNING]


@pytest.mark.parametrize(
    "answers", [{"is_testable_a": 2}, {"is_testable_a": 1, "is_testable_b": 2}, {"is_testable_c": 3}]
)
def test_packages_that_a_script_wants_to_fail_fail(tmp_path: Path, answers: dict[str, int]) -> None:
    made = scripted(tmp_path, *NAMES, answers=[statuses(**answers)])
    with pytest.raises(TestEnded):
        require_testable(made.examination)
    assert made.log[-2:] == ["INFO: FAIL: All tests. Package cannot be tested with piuparts: probe.", ""]
    assert judge(made.examination.findings) is Outcome.FAIL


@pytest.mark.parametrize("status", [-9, 126, 127])
def test_a_script_that_cannot_answer_says_nothing_about_the_package(tmp_path: Path, status: int) -> None:
    made = scripted(tmp_path, *NAMES, answers=[statuses(is_testable_b=status)])
    with pytest.raises(FarmError, match=f"is_testable_b ended with status {status}"):
        require_testable(made.examination)


@pytest.mark.parametrize("is_untouched", [True, False])
def test_a_script_that_does_not_answer_in_time_says_nothing_about_the_package(
    tmp_path: Path, is_untouched: bool
) -> None:
    made = scripted(tmp_path, *NAMES, answers=[lambda _, argv: answered(argv, stopped_by=Limit.TIME)])
    made.examination.is_untouched = is_untouched
    with pytest.raises(FarmError):
        require_testable(made.examination)
