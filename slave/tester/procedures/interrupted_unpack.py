"""Kill dpkg while it unpacks, recover as an administrator would: the end is the same as without it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.procedures.extra_test import extra_test
from piufarm.slave.tester.procedures.procedure import NotApplicable, Phase
from piufarm.slave.tester.steps.installing import apt_install_tested, reinstall_tested
from piufarm.slave.tester.steps.placing import place
from piufarm.slave.tester.steps.same_state import require_same_state
from piufarm.slave.tester.steps.teardown import note_owners, take_away

_FOLDER: Final = "/tmp/piufarm-interrupt"
_FIRED: Final = f"{_FOLDER}/fired"
_PATH: Final = f"{_FOLDER}:/usr/sbin:/usr/bin:/sbin:/bin"


def _interrupt_and_recover(examination: Examination) -> None:
    direct = examination.present_state()
    take_away(examination)
    _interrupt(examination)
    examination.execute("dpkg", "--configure", "--pending", may_fail=True)
    examination.log.info("Installing after an interrupted unpack")
    reinstall_tested(examination)
    note_owners(examination)
    require_same_state(examination, direct, "An interrupted unpack")


def _interrupt(examination: Examination) -> None:
    """Begin an installation in which dpkg is killed; apt complains about that."""
    names = " ".join(examination.own_names())
    program = Path(__file__).with_name("interrupt.sh").read_bytes()
    place(examination, f"{_FOLDER}/dpkg-deb", program, mode=0o755)
    place(examination, f"{_FOLDER}/names", f" {names} \n".encode())
    apt_install_tested(examination, "-o", f"DPkg::Path={_PATH}", may_fail=True)
    has_fired = examination.chroot.exists(_FIRED)
    examination.execute("rm", "-rf", _FOLDER)
    if not has_fired:
        raise NotApplicable("Can't test an interrupted unpack: nothing was unpacked.")


INTERRUPTED_UNPACK: Final = extra_test(
    "interrupted-unpack",
    "Recovery from an interrupted unpack.",
    Phase("interrupt and recover", _interrupt_and_recover, "install"),
    lambda tests: tests.interrupted_unpack,
)
