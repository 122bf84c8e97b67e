from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path

import pytest

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Chroot
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.shortcuts.inert import added_packages, are_in_the_way, are_inert
from piufarm.slave.tester.shortcuts.upgraded_base import go_around
from piufarm.slave.tester.upgrades.way import Way
from tests.slave.tester.memory import SMALL_BASE, Bench, Node, answered, bench, directory, file, link

INFO = "/var/lib/dpkg/info/"
BASE = "install\tinstalled\tbase-files\t12\n\ninstall\tinstalled\tdash\t0.5\n\n"
PROBE = "install\tinstalled\tprobe\t1\n\n"
LIST = file("/.\n/usr\n/usr/share\n/usr/share/probe\n/usr/share/probe/data\n")
FOLDERS = ("/usr/share", "/var/log", "/etc/alternatives", "/var/lib/dpkg/alternatives")
ROOT = {**SMALL_BASE, **{path: directory() for path in FOLDERS}}
FILES = {
    "/usr/share/probe/data": file("x"),
    f"{INFO}probe.list": LIST,
    "/var/lib/dpkg/status": file("new"),
    "/var/log/dpkg.log": file("new"),
    "/etc/ld.so.cache": file("new"),
}


def installed(tmp_path: Path, more: Mapping[str, Node], *, database: str = BASE + PROBE) -> Bench:
    """A chroot in which the package was installed, and in which `more` is different, too."""
    made = bench(tmp_path, lambda _, argv: answered(argv, database) if argv[0] == "dpkg-query" else None, base=ROOT)
    made.chroot.add({**FILES, **more})
    return made


def is_inert(made: Bench) -> bool:
    added = added_packages(made.examination)
    return added is not None and are_inert(made.examination, added)


def test_a_package_of_files_alone_is_inert(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}probe.triggers": file("activate-noawait ldconfig\n")})
    assert [*(added_packages(made.examination) or ())] == ["probe"]
    assert is_inert(made)


@pytest.mark.parametrize(
    "more",
    [
        {f"{INFO}probe.postinst": file("#!/bin/sh\n")},
        {f"{INFO}probe.prerm": file("#!/bin/sh\n")},
        {f"{INFO}probe.templates": file("Template: probe/x\n")},
        {f"{INFO}probe.triggers": file("activate ldconfig\ninterest-noawait /usr/share/man\n")},
        {"/etc/issue": file("something else")},
        {"/var/lib/probe": directory()},
        {"/etc/alternatives/editor": link("/usr/bin/probe")},
        {"/var/lib/dpkg/alternatives/editor": file("auto\n")},
        {"/var/lib/dpkg/diversions": file("/bin/sh\n/bin/sh.probe\nprobe\n")},
        {"/var/lib/dpkg/statoverride": file("root root 4755 /usr/share/probe/data\n")},
    ],
    ids=lambda more: ", ".join(more),
)
def test_a_package_that_brought_more_than_files_is_not(tmp_path: Path, more: Mapping[str, Node]) -> None:
    assert not is_inert(installed(tmp_path, more))


@pytest.mark.parametrize(
    "database",
    [
        BASE.replace("\t12\n", "\t13\n") + PROBE,
        BASE.replace("install\tinstalled\tdash", "hold\tinstalled\tdash") + PROBE,
        BASE.partition("install\tinstalled\tdash")[0] + PROBE,
        BASE + PROBE.replace("installed\t", "half-configured\t"),
    ],
    ids=["upgraded", "held", "removed", "not configured"],
)
def test_nothing_is_inert_where_packages_of_the_base_changed_or_the_package_is_not_ready(
    tmp_path: Path, database: str
) -> None:
    assert not is_inert(installed(tmp_path, {}, database=database))


@pytest.mark.parametrize(
    ("later", "is_in_the_way"),
    [
        ({}, False),
        ({"/usr/share/probe": directory(mode=0o700)}, False),
        ({"/usr/share/probe/data": file("x")}, True),
        ({"/usr/share/probe": link("other")}, True),
    ],
    ids=["nothing", "a directory", "a file", "a link in a directory's place"],
)
def test_what_the_upgraded_base_has_at_the_same_place_is_in_the_way(
    tmp_path: Path, later: Mapping[str, Node], is_in_the_way: bool
) -> None:
    made = installed(tmp_path, {})
    added = added_packages(made.examination)
    assert added is not None
    assert are_in_the_way(made.examination, added, {path: node.entry for path, node in later.items()}) is is_in_the_way


def test_links_of_the_base_may_be_shared(tmp_path: Path) -> None:
    made = installed(tmp_path, {f"{INFO}probe.list": file("/.\n/bin\n/usr/share/probe\n/usr/share/probe/data\n")})
    added = added_packages(made.examination)
    assert added is not None
    assert not are_in_the_way(made.examination, added, {"/bin": link("usr/bin").entry})
    assert are_in_the_way(made.examination, added, {"/bin": link("elsewhere").entry})


def test_where_no_upgraded_base_can_be_made_the_test_goes_the_long_way(tmp_path: Path) -> None:
    made = installed(tmp_path, {})

    def refuse() -> Chroot:
        raise FarmError("mount overlay on root: Invalid argument")

    way = Way((), lambda: nullcontext(made.examination), NetworkAccess((), tmp_path), tmp_path, refuse)
    assert not go_around(made.examination, way)
    assert "INFO: The base is upgraded in this test alone: mount overlay on root: Invalid argument" in made.log
