"""Fixtures of chroots and archives that layers are tried on."""

from tests.slave.chroot.conftest import plain_base
from tests.slave.chroot.test_changes import playground
from tests.slave.tester.workshop import workshop

__all__ = ["plain_base", "playground", "workshop"]
