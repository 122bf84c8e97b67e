"""Fixtures of the tests with real chroots."""

from tests.slave.tester.workshop import schroot, workshop

__all__ = ["schroot", "workshop"]
