"""The states of small archives as piuparts-master finds them, beside ours; where they differ, that is on purpose."""

from __future__ import annotations

import lzma
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from demo.server import serve
from piufarm.master.session.machine import utc_now
from piufarm.names import Package, SectionName
from piufarm.run import run
from piufarm.states import PackageState
from piufarm.store.model import ForeignPackage, ForeignSection
from tests.master.office import SID, Office
from tests.master.states.worlds import computed, packages, states
from tests.support.namespace import with_private_files
from tests.support.programs import REAL_ETC, REAL_MASTER

pytestmark = pytest.mark.peer

PASSED = PackageState.SUCCESSFULLY_TESTED
READY = PackageState.WAITING_TO_BE_TESTED
WAITS = PackageState.WAITING_FOR_DEPENDENCY
DEP_FAILED = PackageState.DEPENDENCY_FAILED
MISSING = PackageState.DEPENDENCY_DOES_NOT_EXIST


@dataclass(frozen=True)
class _Situation:
    """Packages and results; `theirs` are the states in which the predecessor differs from ours."""

    lines: tuple[str, ...]
    results: Mapping[str, str] = field(default_factory=dict)  # as the options of a world
    theirs: Mapping[str, PackageState] = field(default_factory=dict)


_SITUATIONS = (
    _Situation(("base", "mid -> base", "leaf -> mid, base")),
    _Situation(("alt -> nope | base", "base")),
    _Situation(("aa -> nope | nada", "bb -> nope", "cc -> bb", "dd -> cc")),
    _Situation(("pa (virt)", "pb (virt)", "uu -> virt")),
    _Situation(("cyca -> cycb", "cycb -> cyca", "cycuser -> cyca")),
    _Situation(("mid", "xx -> yy, mid", "yy -> xx")),
    _Situation(("pp -> ia32-libs-i386", "qq -> kbdcontrol")),
    _Situation(("uu -> dd", "dd", "ww -> uu"), {"passed": "uu", "failed": "dd"}),
    _Situation(("uu -> gone",), {"passed": "uu"}),
    _Situation(("uu -> gone | dd", "dd"), {"passed": "uu"}, {"uu": WAITS}),
    _Situation(("ff", "dd", "uu -> ff | dd"), {"failed": "ff"}),
    _Situation(("ff", "dd", "uu -> ff | dd"), {"failed": "ff", "passed": "dd"}),
    _Situation(("ff", "uu -> ff | ia32-libs-i386"), {"failed": "ff"}, {"uu": DEP_FAILED}),
    _Situation(("ff", "uu -> ff, gone"), {"failed": "ff"}),
    _Situation(("uu -> virt", "pa (virt)", "pb (virt)"), {"failed": "pa"}, {"uu": DEP_FAILED}),
    _Situation(("pa (virt)", "pb (virt)", "uu -> virt"), {"failed": "pa"}),
    _Situation(("bad", "one -> bad", "two -> one"), {"untestable": "bad"}),
    _Situation(("ff", "yy -> xx, ff", "xx -> yy", "zz -> xx"), {"failed": "ff"}),
    _Situation(("ff", "xx -> yy", "yy -> xx, ff", "zz -> xx"), {"failed": "ff"}, {"xx": READY, "zz": WAITS}),
    _Situation(("dd", "uu -> ia32-libs-i386 | dd")),
    _Situation(("lib=1", "uu -> lib (>= 2)"), {}, {"uu": WAITS}),
)


def _index(lines: Sequence[str]) -> bytes:
    paragraphs = []
    for line in lines:
        left, _, depends = line.partition("->")
        named, _, provides = left.partition("(")
        name, _, version = named.strip().partition("=")
        fields = {"Package": name, "Version": version or "1", "Architecture": "amd64", "Depends": depends.strip()}
        fields["Provides"] = provides.strip()[:-1]
        paragraphs.append("".join(f"{key}: {value}\n" for key, value in fields.items() if value))
    return "\n".join(paragraphs).encode()


class _RealMaster:
    """piuparts-master with two sections: `two` looks names up in `one`."""

    def __init__(self, folder: Path, mirror: str) -> None:
        self._directory = folder / "master"
        self._etc = folder / "etc"
        self._etc.mkdir()
        shutil.copy(REAL_ETC / "distros.conf", self._etc)
        (self._etc / "piuparts.conf").write_text(
            f"[global]\nsections = one two\nmaster-directory = {self._directory}\nmirror = {mirror}\narch = amd64\n"
            "[one]\ndistro = one\n[two]\ndistro = two\ndepends-sections = one\n"
        )
        self._directory.mkdir()

    def enter(self, section: str, results: Mapping[str, str]) -> None:
        """Logs, as slaves would have sent them."""
        places = {"passed": "pass", "failed": "fail", "untestable": "untestable"}
        for what, names in results.items():
            place = self._directory / section / places[what]
            place.mkdir(parents=True, exist_ok=True)
            for name in names.split():
                (place / f"{name}_1.log").write_text("a log\n")

    def mark(self, section: str, *logs: str) -> None:
        """Let these logs be queued for a retest, as an administrator does it."""
        place = self._directory / section / "recycle"
        place.mkdir(parents=True, exist_ok=True)
        for log in logs:
            (place / Path(log).name).hardlink_to(self._directory / section / log)

    def logs(self, section: str) -> set[str]:
        """Those in sight."""
        folder = self._directory / section
        return {f"{place}/{log.name}" for place in ("pass", "fail") for log in (folder / place).iterdir()}

    def say(self, section: str, requests: str) -> list[str]:
        """The answers, without those to the greeting and the section."""
        said = run(
            with_private_files({REAL_ETC: self._etc}, [REAL_MASTER]),
            input=f"section {section}\n{requests}".encode(),
            timeout_seconds=60,
        )
        hello, selected, *answers = said.stdout.decode().splitlines()
        assert (hello, selected, len(answers)) == ("hello", "ok", requests.count("\n")), said.stderr
        return answers

    def states(self, section: str) -> dict[str, PackageState]:
        """By name; those of names in several lists would show as the last of them."""
        _, *lists = self.say(section, "status\n" + "".join(f"_list {state}\n" for state in PackageState))
        return {
            name: state for state, line in zip(PackageState, lists, strict=True) for name in line.split()[1:]
        }


def _apart(number: int, text: str) -> str:
    """The same packages under other names, so that all situations fit into one archive."""
    known = {"ia32-libs-i386", "kbdcontrol"}
    out, word = [], ""
    for character in f"{text} ":
        if character.isalnum() or character in "+-.":
            word += character
            continue
        out.append(word if word in known or not word or not word[0].isalpha() else f"{word}-{number:02}")
        out.append(character)
        word = ""
    return "".join(out).strip()


def test_all_states_are_those_of_the_predecessor_but_where_we_mean_to_differ(tmp_path: Path) -> None:
    lines: list[str] = []
    results: dict[str, str] = {}
    theirs: dict[str, PackageState] = {}
    for number, situation in enumerate(_SITUATIONS):
        lines += [_apart(number, line) for line in situation.lines]
        for what, names in situation.results.items():
            results[what] = f"{results.get(what, '')} {_apart(number, names)}"
        theirs |= {_apart(number, name): state for name, state in situation.theirs.items()}
    with serve(tmp_path / "archive") as server:
        _publish(tmp_path / "archive", "one", lines)
        real = _RealMaster(tmp_path, server.url)
        real.enter("one", results)
        found = real.states("one")
    assert found == states(computed(packages(*lines, **results))) | theirs


@pytest.mark.parametrize("result", [{}, {"passed": "base"}, {"failed": "base"}, {"untestable": "base"}])
def test_a_package_that_is_newer_elsewhere_is_outdated_for_both(tmp_path: Path, result: dict[str, str]) -> None:
    here = ["base=0.5", "newlib -> base", "user -> only-there"]
    there = ["base=1", "only-there -> base"]
    with serve(tmp_path / "archive") as server:
        _publish(tmp_path / "archive", "one", there)
        _publish(tmp_path / "archive", "two", here)
        real = _RealMaster(tmp_path, server.url)
        real.enter("one", result)
        found = real.states("two")
    section = ForeignSection(SectionName("one"), _foreign(there, result))
    assert found == states(computed(packages(*here), [section]))


def test_in_recycle_mode_both_masters_say_the_same_and_hand_the_failure_out_first(
    tmp_path: Path, office: Office
) -> None:
    asked = f"recycle\nstatus\n_list {READY}\n_state ff\n_state gg\nreserve\n"
    theirs_folder = tmp_path / "theirs"
    theirs_folder.mkdir()
    with serve(tmp_path / "archive") as server:
        _publish(tmp_path / "archive", "one", ["ff", "gg"])
        real = _RealMaster(theirs_folder, server.url)
        real.enter("one", {"passed": "ff", "failed": "gg"})
        real.mark("one", "pass/ff_1.log", "fail/gg_1.log")
        theirs = real.say("one", asked)
        assert real.logs("one") == {"pass/ff_1.log"}
    office.fill("ff", "gg")
    office.converse("section sid\npass ff 1\n a log\n.\nfail gg 1\n a log\n.\n")
    office.store.queue_recycle(SID, [Package("ff"), Package("gg")], now=utc_now())
    office.settle()
    ours = office.converse(f"section sid\n{asked}", slave="worker2")[2:]
    assert [_sorted(line) for line in ours] == [_sorted(line) for line in theirs]
    assert [log.name for log in office.classic_logs()] == ["ff_1.log"]
    assert ours[-1] == "ok gg 1"


def _sorted(answer: str) -> list[str]:
    return sorted(answer.split())


def _publish(archive: Path, suite: str, lines: Sequence[str]) -> None:
    folder = archive / "dists" / suite / "main" / "binary-amd64"
    folder.mkdir(parents=True)
    (folder / "Packages.xz").write_bytes(lzma.compress(_index(lines)))


def _foreign(lines: Sequence[str], results: Mapping[str, str]) -> list[ForeignPackage]:
    """A section as our own computation has left it."""
    nodes = packages(*lines, **results)
    found = states(computed(nodes))
    return [ForeignPackage(one.name, one.archive_version, one.provides, found[one.name], one.outcome) for one in nodes]
