"""Fixtures for all tests; each family lives in a module of its own below tests/support/."""

pytest_plugins = [
    "tests.support.accounts",
    "tests.support.archives",
    "tests.support.bases",
    "tests.support.hermetic",
    "tests.support.ssh",
]
