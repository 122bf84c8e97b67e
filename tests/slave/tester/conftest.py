"""Fixtures of the tests with real chroots, and what keeps the others from depending on this host."""

import pytest

from tests.slave.chroot.conftest import plain_base
from tests.slave.tester.workshop import predecessor, schroot, workshop

__all__ = ["no_adequate", "plain_base", "predecessor", "schroot", "workshop"]


@pytest.fixture(autouse=True)
def no_adequate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether this host has adequate makes no difference to chroots in memory."""
    monkeypatch.setattr("piufarm.slave.tester.checks.adequate.adequate_program", lambda: None)
