"""Fixtures of the tests with real chroots."""

from tests.slave.tester.workshop import workshop

__all__ = ["workshop"]
