"""Fixtures for all tests; each family lives in a module of its own below tests/support/."""

# in the order in which they import each other
pytest_plugins = [
    "tests.support.hermetic",
    "tests.support.accounts",
    "tests.support.postgresql",
    "tests.support.stores",
    "tests.support.archives",
    "tests.support.bases",
    "tests.support.ssh",
    "tests.support.site",
    "tests.support.programs",
]
