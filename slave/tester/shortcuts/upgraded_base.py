"""A way around the longest part of an upgrade between suites: that of the base, which is the same in every test.

What the packages under test brought with them from the first suite may be inert (see there). Then the base may as well
be upgraded first: the test goes on in a root of the base that was upgraded once for all tests, after dpkg has installed
the very same .debs there, and apt upgrades what is left. Where anything is unlike that, nothing has happened: the test
goes on in its own root, the long way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Chroot, Refused
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.examination import Examination, TestEnded
from piufarm.slave.tester.shortcuts.inert import added_packages, are_in_the_way, are_inert, is_as_before
from piufarm.slave.tester.state.packages import InstalledPackage
from piufarm.slave.tester.upgrades.way import Way

_DEB: Final = re.compile(r"/var/cache/apt/archives/[^/]+\.deb")
_BYTES_MAX: Final = 32 << 20  # of .debs; what is larger takes long to test anyway
_MARKS: Final = "/var/lib/apt/extended_states"
_UPGRADE: Final = ("apt-get", "-yf", "dist-upgrade")


def may_go_around(options: Options) -> bool:
    """Whether nothing that is asked for would see the difference."""
    tests = options.tests
    sees_upgrade = (
        tests.scripts or tests.upgrade_before_dist_upgrade or tests.testdebs_repo or options.root.bind_mounts
        or options.output.keep_env or options.output.shell_on_error
    )
    return len(tests.distributions) == 2 and not sees_upgrade


def go_around(examination: Examination, way: Way) -> bool:
    """Go on in an upgraded root if there is one and that makes no difference; otherwise nothing has happened."""
    added = added_packages(examination)
    if way.open_upgraded is None or added is None or not are_inert(examination, added):
        return False
    try:
        chroot = way.open_upgraded()
    except FarmError as error:  # on a cache that lies on an overlay itself, none can be made
        examination.log.info(f"The base is upgraded in this test alone: {error.message}")
        return False
    if are_in_the_way(examination, added, chroot.base.tree):
        return False
    other = Examination(chroot, examination.group, examination.options, examination.log)
    other.set_variables(PIUPARTS_TEST="distupgrade", PIUPARTS_PHASE="distupgrade")
    other.set_out_for(way.later[-1].name)
    try:
        is_same = _install(examination, other, added) and _upgrade(other)
    except (TestEnded, Refused):  # perhaps the packages' fault: the long way will tell
        return False
    if is_same:
        examination.continue_in(other)
        examination.set_out_for(way.later[-1].name)
        examination.arrive(way.later[-1].target_release)
    return is_same


def _install(examination: Examination, other: Examination, added: Mapping[str, InstalledPackage]) -> bool:
    """Bring the same .debs to an upgraded root, and the note which of them were installed for others' sake."""
    debs = {path: entry for path, entry in examination.tree().items() if _DEB.fullmatch(path)}
    if sum(entry.size for entry in debs.values()) > _BYTES_MAX:
        return False
    places = [_copy(examination, path, other) for path in debs]
    if places and other.execute("dpkg", "--install", *places, may_fail=True).status != 0:
        return False
    for place in places:
        other.remove(place)
    other.put(_MARKS, _marks(other.chroot) + _marks(examination.chroot, set(added)))
    return _has(other, added)


def _copy(examination: Examination, deb: str, other: Examination) -> str:
    place = f"/tmp/{deb.rpartition('/')[2]}"
    other.put(place, examination.chroot.read(deb) or b"")
    return place


def _marks(chroot: Chroot, names: set[str] | None = None) -> bytes:
    """The records of extended_states, all or those of some packages."""
    records = (chroot.read(_MARKS) or b"").strip(b"\n").split(b"\n\n")
    wanted = {name.partition(":")[0].encode() for name in names or ()}
    kept = [
        record for record in records
        if record and (names is None or record.partition(b"\n")[0].removeprefix(b"Package: ") in wanted)
    ]
    return b"".join(record + b"\n\n" for record in kept)


def _has(other: Examination, added: Mapping[str, InstalledPackage]) -> bool:
    """Whether the upgraded base is as it was, and has these packages on top of it."""
    expected = {**other.base.facts.packages, **added}
    now = other.packages()
    return now.keys() == expected.keys() and all(is_as_before(package, now[name]) for name, package in expected.items())


def _upgrade(other: Examination) -> bool:
    """Upgrade what is left; whether that let the base alone."""
    if other.execute(*_UPGRADE, network=True, may_fail=True).status != 0:
        return False
    now = other.packages()
    before = other.base.facts.packages
    return all(name in now and is_as_before(package, now[name]) for name, package in before.items())
