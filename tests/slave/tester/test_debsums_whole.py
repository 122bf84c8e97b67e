"""Looking only at what could have changed finds what debsums finds by looking at everything."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.debs import DebSpec, build
from piufarm.run import clean_environment, run
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.chroot.supervised import SupervisedChroot
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.checks import debsums
from piufarm.slave.tester.checks.check import Moment
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.inputs import Group, TestedPackage
from piufarm.slave.tester.output.log import TestLog
from tests.slave.chroot.conftest import LIMITS

NEW: Final = DebSpec(
    "d-new",
    files={"/usr/share/d-new/a": "a\n", "/usr/share/d-new/b c": "b\n", "/bin/d-new": "c\n", "/etc/d-new": "d\n"},
    conffiles=["/etc/d-new"],
)
FILES: Final = (
    "/usr/share/d-new/a", "/usr/share/d-new/b c", "/bin/d-new", "/etc/d-new",
    "/etc/host.conf", "/etc/issue", "/usr/bin/yes", "/usr/share/base-files/profile", "/bin/fgrep", "/etc/motd",
    "/usr/lib/os-release", "/sbin/agetty",
)  # fmt: skip
DAMAGE: Final = st.sampled_from(
    ["echo more >>", "rm -f", "touch", "chmod 600", "tr a-z A-Z < /etc/issue >", "mv -f /etc/issue.net", "ln -sf x"]
)

# dpkg of trixie follows the link /proc/PID/root by its text, which leads to the host: it is run inside instead.
_INSIDE: Final = """#!/bin/bash
words=()
while [ $# -gt 0 ]; do
    case $1 in
        --admindir) shift ;;
        --admindir=*) ;;
        *) words+=("$1") ;;
    esac
    shift
done
exec chroot {root} {program} "${{words[@]}}"
"""

pytestmark = pytest.mark.farm


def shell(chroot: SupervisedChroot, text: str) -> None:
    result = chroot.run(["sh", "-c", text], env=CHROOT_ENVIRONMENT)
    assert result.status == 0, result.output


@pytest.fixture(scope="module")
def with_package(
    plain_base: PreparedBase, session_cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SupervisedChroot]:
    """A chroot with a new package, and copies of the files to come back to."""
    directory = tmp_path_factory.mktemp("debsums")
    backend = OverlayBackend(directory, NetworkAccess((), session_cache / "debs"))
    with backend.open(plain_base, LIMITS) as chroot:
        chroot.put("/tmp/it.deb", build(NEW, directory).read_bytes())
        quoted = " ".join(f"'{path}'" for path in (*FILES, "/etc/issue.net"))
        shell(chroot, f"dpkg -i /tmp/it.deb; tar -C / -cf /tmp/kept.tar {quoted}")
        yield chroot


def by_us(chroot: SupervisedChroot) -> set[str]:
    options = Options(("d-new",), apt=True)
    examination = Examination(chroot, Group((TestedPackage("d-new", "d-new"),)), options, TestLog([io.BytesIO()]))
    examination.is_untouched = False
    examination.lists = examination.present_lists()
    findings = list(debsums.CHECK.find(examination, Moment.BEFORE_REMOVAL))
    return {line for finding in findings for line in finding.text.split("\n")[1:]}


def by_debsums(chroot: SupervisedChroot) -> set[str]:
    root = f"/proc/{chroot.host_pid}/root"
    with TemporaryDirectory() as name:
        for program in ("dpkg-query", "dpkg-divert"):
            inside = Path(name) / program
            inside.write_text(_INSIDE.format(root=root, program=program))
            inside.chmod(0o755)
        environment = clean_environment()
        environment["PATH"] = f"{name}:{environment['PATH']}"
        done = run(["debsums", "--root", root, "-ac", "--ignore-obsolete"], env=environment, check=False)
    return {line.replace(root, "") for line in (done.stdout + done.stderr).decode().splitlines()}


def damaged(chroot: SupervisedChroot, damage: list[tuple[str, str]]) -> None:
    """All files as they were, then damaged."""
    script = "\n".join(f"{command} '{path}'" for command, path in damage)
    shell(chroot, f"tar -C / --overwrite --recursive-unlink -xf /tmp/kept.tar\n{script}\nexit 0")


def test_both_say_the_same_about_each_kind_of_file(with_package: SupervisedChroot) -> None:
    appended, removed = ("/etc/host.conf", "/usr/bin/yes"), ("/usr/share/d-new/b c", "/etc/d-new")
    edits = [("echo more >>", path) for path in appended] + [("rm -f", path) for path in removed]
    damaged(with_package, [*edits, ("touch", "/etc/issue")])
    assert by_us(with_package) == by_debsums(with_package) == {
        "/etc/host.conf", "debsums: missing file /usr/share/d-new/b c (from d-new package)",
        "debsums: missing file /etc/d-new (from d-new package)", "/usr/bin/yes",
    }  # fmt: skip


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(DAMAGE, st.sampled_from(FILES)), max_size=6))
def test_debsums_of_what_changed_is_debsums_of_everything(
    with_package: SupervisedChroot, damage: list[tuple[str, str]]
) -> None:
    damaged(with_package, damage)
    assert by_us(with_package) == by_debsums(with_package)
