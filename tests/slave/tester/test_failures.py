from __future__ import annotations

import pytest

from piufarm.slave.chroot.interface import CommandResult, Limit
from piufarm.slave.tester.failures import farm_trouble

INSTALL = ("apt-get", "-y", "install", "probe")
PURGE = ("dpkg", "--purge", "probe")


def trouble(output: str, argv: tuple[str, ...] = INSTALL, stopped_by: Limit | None = None) -> str | None:
    return farm_trouble(CommandResult(argv, 100, output.encode(), 0.0, stopped_by), output)


@pytest.mark.parametrize(
    "output",
    [
        "E: Unable to locate package probe",
        "E: Version '2' for 'probe' was not found",
        "The following packages have unmet dependencies:\nE: Unable to correct problems, you have held broken packages",
        "Setting up probe (1) ...\nE: Sub-process /usr/bin/dpkg returned an error code (1)",
        "dpkg: error processing archive x (--unpack):\n trying to overwrite '/x', which is also in package y 1\n"
        "E: Sub-process /usr/bin/dpkg returned an error code (1)",
        "dpkg: error: cannot copy: No space left on device\nE: Sub-process /usr/bin/dpkg returned an error code (1)",
    ],
)
def test_what_the_package_did_is_its_failure(output: str) -> None:
    assert trouble(output) is None


@pytest.mark.parametrize(
    "output",
    [
        "Err:1 http://x/ probe\nE: Failed to fetch http://x/p.deb  404  Not Found\nE: Unable to fetch some archives",
        "E: Failed to fetch http://x/probe.deb  Hash Sum mismatch",
        "   Could not connect to 127.0.0.1:1 (127.0.0.1)",
        "E: You don't have enough free space in /var/cache/apt/archives/.",
        "E: Write error - write (28: No space left on device)",
        "Error: Failed to fetch http://x/probe.deb  404  Not Found",
        "E: The package lists or status file could not be parsed or opened.",
    ],
)
def test_what_kept_apt_from_fetching_is_ours(output: str) -> None:
    assert trouble(output)


def test_a_script_that_prints_fetch_errors_does_not_make_them_ours() -> None:
    output = "Setting up probe\nE: Failed to fetch x\nE: Sub-process /usr/bin/dpkg returned an error code (1)"
    assert trouble(output) is None


@pytest.mark.parametrize("limit", [Limit.TIME, Limit.MEMORY, Limit.DISK])
def test_a_limit_is_ours_while_fetching_and_the_packages_from_then_on(limit: Limit) -> None:
    assert trouble("Get:1 http://x probe", stopped_by=limit) is not None
    assert trouble("Get:1 http://x probe\nPreparing to unpack .../probe.deb ...", stopped_by=limit) is None
    assert trouble("", PURGE, stopped_by=limit) is None


def test_other_commands_never_fetch() -> None:
    assert trouble("E: Failed to fetch x", ("/etc/cron.daily/probe",)) is None


def test_an_overlay_that_cannot_rename_a_directory_is_ours() -> None:
    output = "dpkg: error: unable to move aside: Invalid cross-device link\nE: Sub-process dpkg returned an error code"
    assert trouble(output) is not None
