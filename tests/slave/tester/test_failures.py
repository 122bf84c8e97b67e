from __future__ import annotations

import pytest

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import CommandResult, Limit
from piufarm.slave.tester.failures import farm_trouble
from piufarm.trouble import TroubleKind

INSTALL = ("apt-get", "-y", "install", "probe")
REMOVE = ("apt-get", "remove", "probe")
PURGE = ("dpkg", "--purge", "probe")


def trouble(
    output: str, argv: tuple[str, ...] = INSTALL, stopped_by: Limit | None = None, *, untouched: bool = True
) -> str | None:
    result = CommandResult(argv, 100, output.encode(), 0.0, stopped_by)
    found = farm_trouble(result, output, fetches=argv == INSTALL, untouched=untouched)
    return None if found is None else found.message


@pytest.mark.parametrize(
    "output",
    [
        "E: Unable to locate package probe",
        "E: Version '2' for 'probe' was not found",
        "The following packages have unmet dependencies:\nE: Unable to correct problems, you have held broken packages",
        "Error: Unable to satisfy dependencies. Reached two conflicting assignments:",
        "Setting up probe (1) ...\nE: Sub-process /usr/bin/dpkg returned an error code (1)",
        "dpkg: error processing archive x (--unpack):\n trying to overwrite '/x', which is also in package y 1\n"
        "E: Sub-process /usr/bin/dpkg returned an error code (1)",
        "dpkg: error: cannot copy: No space left on device\nE: Sub-process /usr/bin/dpkg returned an error code (1)",
        "E: Could not read meta data from /tmp/p.deb\nE: The package lists or status file could not be parsed.",
        "Could not connect\nError: Sub-process /usr/bin/dpkg exited unexpectedly",
    ],
)
def test_what_the_package_did_is_its_failure(output: str) -> None:
    assert trouble(output) is None


FETCHING = [
    "Err:1 http://x/ probe\nE: Failed to fetch http://x/p.deb  404  Not Found\nE: Unable to fetch some archives",
    "E: Failed to fetch http://x/probe.deb  Hash Sum mismatch",
    "   Could not connect to 127.0.0.1:1 (127.0.0.1)",
    "Error: Failed to fetch http://x/probe.deb  404  Not Found",
]
ROOM_AND_BASE = [
    "E: You don't have enough free space in /var/cache/apt/archives/.",
    "E: Write error - write (28: No space left on device)",
    "Error: Write error - write (28: No space left on device)",
    "E: The package lists or status file could not be parsed or opened.",
]


@pytest.mark.parametrize("output", FETCHING + ROOM_AND_BASE)
def test_what_kept_apt_from_fetching_is_ours(output: str) -> None:
    assert trouble(output)


@pytest.mark.parametrize("output", FETCHING)
def test_a_mirror_that_goes_away_later_in_the_test_is_ours(output: str) -> None:
    assert trouble(output, untouched=False)


@pytest.mark.parametrize("output", ROOM_AND_BASE)
def test_a_disk_or_database_that_the_package_has_spoiled_is_its_failure(output: str) -> None:
    assert trouble(output, untouched=False) is None


@pytest.mark.parametrize("output", FETCHING + ROOM_AND_BASE)
def test_an_apt_that_cannot_fetch_has_no_business_to_complain_about_it(output: str) -> None:
    assert trouble(output, REMOVE, untouched=False) is None, "the package has replaced apt, or something it calls"


@pytest.mark.parametrize("begun", ["Preconfiguring packages ...", "Preparing to unpack x ...", "Setting up probe (1)"])
def test_a_script_that_prints_fetch_errors_does_not_make_them_ours(begun: str) -> None:
    assert trouble(f"{begun}\nE: Failed to fetch x\nE: Sub-process /usr/bin/dpkg returned an error code (1)") is None
    assert trouble(f"{begun}\nE: Failed to fetch x\nE: Problem executing scripts DPkg::Post-Invoke 'x'") is None


@pytest.mark.parametrize("limit", [Limit.TIME, Limit.MEMORY, Limit.DISK])
def test_a_limit_is_ours_while_fetching_and_the_packages_from_then_on(limit: Limit) -> None:
    assert trouble("Get:1 http://x probe", stopped_by=limit) is not None
    for line in ("Preparing to unpack .../probe.deb ...", "Preconfiguring packages ..."):
        assert trouble(f"Get:1 http://x probe\n{line}", stopped_by=limit) is None
    assert trouble("", PURGE, stopped_by=limit, untouched=False) is None
    assert trouble("", REMOVE, stopped_by=limit, untouched=False) is None


def test_other_commands_never_fetch() -> None:
    assert trouble("E: Failed to fetch x", ("/etc/cron.daily/probe",)) is None


def test_what_the_chroot_could_not_do_is_ours() -> None:
    error = FarmError("the chroot cannot do that")
    result = CommandResult(PURGE, 1, b"", 1.0, trouble=error)
    assert farm_trouble(result, "Removing probe (1) ...", fetches=False, untouched=False) is error


@pytest.mark.parametrize(
    ("output", "stopped_by", "kind"),
    [
        ("E: Failed to fetch http://x/p.deb  404  Not Found", None, TroubleKind.MIRROR),
        ("E: You don't have enough free space in /var/cache/apt/archives/.", None, TroubleKind.DISK),
        ("E: dpkg was interrupted, you must run it", None, TroubleKind.CHROOT),
        ("Get:1 http://x probe", Limit.TIME, TroubleKind.TIMEOUT),
        ("Get:1 http://x probe", Limit.DISK, TroubleKind.DISK),
    ],
)
def test_trouble_has_a_kind(output: str, stopped_by: Limit | None, kind: TroubleKind) -> None:
    found = farm_trouble(CommandResult(INSTALL, 100, b"", 0.0, stopped_by), output, fetches=True, untouched=True)
    assert found is not None and found.kind is kind
