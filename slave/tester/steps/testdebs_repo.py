"""The repository of the packages under test: apt sees it only while they are installed."""

from __future__ import annotations

from typing import Final

from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.steps.placing import place

_SOURCE: Final = "/etc/apt/sources.list.d/piuparts-testdebs.list"
# The lists of all other archives are there and stay as they are.
_THIS_ONE_ONLY: Final = (
    "-o", f"Dir::Etc::SourceList={_SOURCE}", "-o", "Dir::Etc::SourceParts=-", "-o", "APT::Get::List-Cleanup=0",
)  # fmt: skip


def enable_testdebs(examination: Examination) -> None:
    """Let apt have the packages of --testdebs-repo, if there is one."""
    repository = examination.options.tests.testdebs_repo
    if repository is not None:
        place(examination, _SOURCE, f"{repository}\n".encode())
        examination.execute("apt-get", *_THIS_ONE_ONLY, "update", network=True)


def disable_testdebs(examination: Examination) -> None:
    """Let apt forget about them."""
    if examination.options.tests.testdebs_repo is not None:
        examination.remove(_SOURCE)
