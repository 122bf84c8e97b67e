"""Fixtures of the tests with real chroots."""

from tests.slave.chroot.conftest import plain_base
from tests.slave.tester.workshop import schroot, workshop

__all__ = ["plain_base", "schroot", "workshop"]
