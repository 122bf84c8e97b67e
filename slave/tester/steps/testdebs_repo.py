"""The repository of the packages under test: apt sees it only while they are installed."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.steps.installing import install_tested_with_scripts
from piufarm.slave.tester.steps.placing import place

_SOURCE: Final = "/etc/apt/sources.list.d/piuparts-testdebs.list"
# The lists of all other archives are there and stay as they are.
_THIS_ONE_ONLY: Final = (
    "-o", f"Dir::Etc::SourceList={_SOURCE}", "-o", "Dir::Etc::SourceParts=-", "-o", "APT::Get::List-Cleanup=0",
)  # fmt: skip


def enable_testdebs(examination: Examination) -> None:
    """Let apt have the packages of --testdebs-repo, if there is one and it has not got them yet."""
    repository = examination.options.tests.testdebs_repo
    line = f"{repository}\n".encode()
    if repository is not None and examination.chroot.read(_SOURCE) != line:
        place(examination, _SOURCE, line)
        examination.execute("apt-get", *_THIS_ONE_ONLY, "update", network=True)


def upgrade_tested(examination: Examination) -> None:
    """Install the packages under test over what there is of them; apt knows their repository until that is done."""
    enable_testdebs(examination)
    install_tested_with_scripts(examination)
    disable_testdebs(examination)


def disable_testdebs(examination: Examination) -> None:
    """Let apt forget about them."""
    if examination.options.tests.testdebs_repo is not None:
        examination.remove(_SOURCE)
