"""Each script of conf/scripts finds the package that was made for it, and has nothing to say about a harmless twin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec, Member, build
from piufarm.slave.bases.prepared import PreparedBase
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, CommandResult
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.scripts.script_set import ScriptSet, read_scripts
from tests.slave.chroot.conftest import LIMITS
from tests.support.clone import CLONE

OUR_SCRIPTS: Final = CLONE / "conf" / "scripts"

pytestmark = pytest.mark.farm


@dataclass(frozen=True)
class Testbed:
    """A chroot in which packages are installed and scripts run."""

    __test__ = False  # pytest: not a test class

    chroot: Chroot
    directory: Path
    scripts: ScriptSet = field(default_factory=lambda: read_scripts([OUR_SCRIPTS]))

    def shell(self, text: str) -> CommandResult:
        result = self.chroot.run(["sh", "-ec", text], env=CHROOT_ENVIRONMENT)
        assert result.status == 0, result.output
        return result

    def install(self, *specs: DebSpec) -> None:
        for spec in specs:
            deb = build(spec, self.directory)
            self.chroot.put("/tmp/it.deb", deb.read_bytes())
            self.shell("dpkg --force-confnew -i /tmp/it.deb")

    def run(self, name: str, objects: str = "", **variables: str) -> CommandResult:
        """Run one of our scripts."""
        (script,) = self.scripts.of(name)
        path = f"/tmp/scripts/{name}"
        self.chroot.put(path, script.content, mode=script.mode)
        environment = {**CHROOT_ENVIRONMENT, "PIUPARTS_OBJECTS": objects, **variables}
        return self.chroot.run([path], env=environment)

    def lines(self, name: str, objects: str = "", **variables: str) -> Sequence[str]:
        """What a script that does not fail says."""
        result = self.run(name, objects, **variables)
        assert result.status == 0, result.output
        return result.output.decode().splitlines()


@pytest.fixture
def testbed(plain_base: PreparedBase, session_cache: Path, tmp_path: Path) -> Iterator[Testbed]:
    """A fresh one for each test."""
    backend = OverlayBackend(tmp_path, NetworkAccess((), session_cache / "debs"))
    with backend.open(plain_base, LIMITS) as chroot:
        yield Testbed(chroot, tmp_path)


def test_nobody_is_surprised_by_the_list_of_scripts() -> None:
    """docs/ and the samples name them; a farm that has the predecessor's, too, gets ours instead of those."""
    assert [script.name for script in read_scripts([OUR_SCRIPTS]).scripts] == [
        "post_install_root_password", "post_setup_dummy_users", "pre_install_database-server",
        "pre_remove_40_find_missing_md5sums", "pre_remove_40_find_obsolete_conffiles",
        "pre_remove_40_find_unowned_lib_links", "pre_remove_50_find_bad_permissions",
        "pre_remove_50_find_missing_copyright",
    ]  # fmt: skip


def test_the_base_itself_gives_no_cause_for_complaint(testbed: Testbed) -> None:
    packages = "base-files bash dpkg=1 libc6=2 libpam-runtime login passwd perl-base tzdata"
    checks = [script.name for script in testbed.scripts.of("pre_remove")]
    assert {name: list(testbed.lines(name, packages)) for name in checks} == {name: [] for name in checks}


def test_scripts_are_content_with_packages_that_are_gone_or_unknown(testbed: Testbed) -> None:
    objects = "gone=None nobody=1 ./a-file.deb other/sid odd:amd64"
    checks = [script.name for script in testbed.scripts.of("pre_remove")]
    assert [line for name in checks for line in testbed.lines(name, objects)] == []


# -- checksums ------------------------------------------------------------------------------------------------------

GOOD: Final = DebSpec(
    "good",
    files={
        "/usr/share/doc/good/copyright": "free\n", "/usr/bin/good": Member("x", mode=0o755), "/etc/good": "x\n",
        "/usr/share/good/odd name \\ é": "x", "/usr/share/good/diverted": "x",
    },
    conffiles=["/etc/good"],
    symlinks={"/usr/share/good/link": "nowhere", "/usr/lib/libgood.so.1": "libgood.so.1.2"},
    directories={"/var/lib/good": 0o1777},
)  # fmt: skip
WITHOUT_SUMS: Final = replace(GOOD, name="without-sums", md5sums=False)
WITH_SOME_SUMS: Final = DebSpec(
    "some-sums",
    files={"/usr/share/some/a": "a", "/usr/share/some/b": "b", "/usr/share/some/c": "c"},
    md5sums=False,
    control_files={
        "md5sums": "0cc175b9c0f1b6a831c399e269772661  usr/share/some/a\n"
        "4a8a08f09d37b73795649038408b5f33  usr/share/some/c\n"
        "0cc175b9c0f1b6a831c399e269772661  usr/share/some/z\n"
    },
)
SHIPS_NOTHING: Final = DebSpec("ships-nothing", files={"/etc/nothing": "x"}, conffiles=["/etc/nothing"], md5sums=False)


def test_files_without_checksums_are_found(testbed: Testbed) -> None:
    name = "pre_remove_40_find_missing_md5sums"
    testbed.install(GOOD, WITH_SOME_SUMS, SHIPS_NOTHING)
    testbed.shell("dpkg-divert --local --rename --divert /usr/share/aside --add /usr/share/good/diverted")
    assert testbed.lines(name, "good=1 ships-nothing") == []
    testbed.shell("rm /usr/share/some/c")
    assert sorted(testbed.lines(name, "good=1 some-sums=1")) == [
        "FILE WITHOUT MD5SUM /usr/share/some/b (some-sums)",
        "MD5SUM WITHOUT FILE /usr/share/some/z (some-sums)",
        "MISSING OBJECT /usr/share/some/c (some-sums)",
    ]


def test_packages_without_any_checksum_are_found(testbed: Testbed) -> None:
    testbed.install(WITHOUT_SUMS)
    testbed.shell("rm /var/lib/dpkg/info/without-sums.md5sums")  # which dpkg makes where the package has none
    lines = testbed.lines("pre_remove_40_find_missing_md5sums", "without-sums=1")
    assert lines == ["MD5SUM FILE NOT FOUND (without-sums)"]


# -- conffiles ------------------------------------------------------------------------------------------------------

OLD_FILES: Final = {f"/etc/old-{which}": f"{which}\n" for which in ("kept", "changed", "lost", "taken")}
OLD: Final = DebSpec("old", files=OLD_FILES, conffiles=list(OLD_FILES))
NEW: Final = DebSpec("old", version="2", files={"/etc/old-kept": "new\n"}, conffiles=["/etc/old-kept"])
BUNGLED: Final = DebSpec("old", version="2")
TAKER: Final = DebSpec(
    "taker", files={"/etc/old-taken": "new\n"}, conffiles=["/etc/old-taken"], fields={"Replaces": "old"}
)


def test_obsolete_conffiles_are_found(testbed: Testbed) -> None:
    name = "pre_remove_40_find_obsolete_conffiles"
    testbed.install(OLD)
    assert testbed.lines(name, "old=1") == []
    testbed.install(BUNGLED)
    testbed.shell("echo more >> /etc/old-changed; rm /etc/old-lost")
    assert sorted(testbed.lines(name, "good=1 old=2")) == [
        "OBSOLETE CONFFILE /etc/old-changed REGISTERED BY old MODIFIED",
        "OBSOLETE CONFFILE /etc/old-kept REGISTERED BY old",
        "OBSOLETE CONFFILE /etc/old-lost REGISTERED BY old MISSING",
        "OBSOLETE CONFFILE /etc/old-taken REGISTERED BY old",
    ]


def test_a_conffile_that_another_package_took_over_is_told_apart(testbed: Testbed) -> None:
    testbed.install(OLD, BUNGLED)
    testbed.shell("echo mine > /etc/old-taken")
    testbed.install(TAKER)
    lines = testbed.lines("pre_remove_40_find_obsolete_conffiles", "old")
    assert [line for line in lines if "taken" in line] == [
        "OBSOLETE CONFFILE /etc/old-taken REGISTERED BY old OWNER CHANGED MODIFIED"
    ]


# -- links of libraries ---------------------------------------------------------------------------------------------

LIBRARY: Final = DebSpec("library", files={"/usr/lib/liblibrary.so.1.2": "no library"})


def test_links_of_libraries_that_nobody_owns_are_found(testbed: Testbed) -> None:
    name = "pre_remove_40_find_unowned_lib_links"
    testbed.install(GOOD, LIBRARY)
    testbed.shell("ln -s /etc/alternatives/x /usr/lib/libx.so.3; mkdir /usr/lib/odd-gnu; ln -s x /usr/lib/mine")
    assert testbed.lines(name) == ["UNOWNED SYMLINK /usr/lib/mine -> x"]
    testbed.shell("rm /usr/lib/mine; ln -s liblibrary.so.1.2 /usr/lib/liblibrary.so.1; ln -s ../y /usr/lib/odd-gnu/y")
    assert testbed.lines(name) == [
        "UNOWNED SYMLINK /usr/lib/liblibrary.so.1 -> liblibrary.so.1.2",
        "UNOWNED SYMLINK /usr/lib/odd-gnu/y -> ../y",
    ]


# -- permissions ----------------------------------------------------------------------------------------------------

OPEN: Final = DebSpec(
    "open", files={"/usr/share/open/file": Member("x", mode=0o666)}, directories={"/var/lib/open dir": 0o777}
)


def test_what_anybody_may_write_to_fails(testbed: Testbed) -> None:
    name = "pre_remove_50_find_bad_permissions"
    testbed.install(GOOD)
    testbed.shell("touch /tmp/shared; chmod 666 /tmp/shared; ln -s x /usr/share/l; mkfifo -m 666 /run/p")
    assert testbed.lines(name) == []
    testbed.install(OPEN)
    result = testbed.run(name)
    assert result.status == 1
    assert result.output.decode().splitlines() == [
        "ERROR: BAD PERMISSIONS",
        "-rw-rw-rw- root:root /usr/share/open/file owned by: open",
        "drwxrwxrwx root:root /var/lib/open dir owned by: open",
    ]


# -- copyright ------------------------------------------------------------------------------------------------------

LINKED: Final = DebSpec("linked", depends="good", symlinks={"/usr/share/doc/linked": "good"})
BARE: Final = DebSpec("bare", files={"/usr/share/doc/bare/README": "x"})


def test_packages_without_a_copyright_file_are_found(testbed: Testbed) -> None:
    name = "pre_remove_50_find_missing_copyright"
    testbed.install(GOOD, LINKED, BARE)
    assert testbed.lines(name, "good=1 linked=1") == []
    testbed.shell("mv /usr/share/doc/good/copyright /tmp/aside")  # as if the system had been told to leave it out
    assert testbed.lines(name, "good") == []
    testbed.shell("mv /tmp/aside /usr/share/doc/good/copyright")
    assert testbed.lines(name, "good=1 bare=1") == ["MISSING COPYRIGHT FILE /usr/share/doc/bare/copyright (bare)"]


# -- users ----------------------------------------------------------------------------------------------------------


def test_the_first_user_ids_are_taken_but_not_in_images(testbed: Testbed) -> None:
    before = testbed.shell("cat /etc/passwd /etc/group /etc/shadow /etc/gshadow").output
    assert testbed.lines("post_setup_dummy_users", "TARBALL") == []
    assert testbed.shell("cat /etc/passwd /etc/group /etc/shadow /etc/gshadow").output == before
    assert testbed.lines("post_setup_dummy_users", "hello=1") == []
    ids = testbed.shell("getent passwd $(seq 100 149) $(seq 1000 1010) | cut -d: -f3").output.split()
    groups = testbed.shell("getent group $(seq 100 149) $(seq 1000 1010) | cut -d: -f3").output.split()
    assert [int(id) for id in ids] == [int(id) for id in groups] == [*range(100, 150), *range(1000, 1011)]
    testbed.shell("grpck -r")  # every group has its shadow entry, too
    testbed.shell("useradd --system first; test $(id -u first) -gt 149 -o $(id -u first) -lt 100")


# -- sudo -----------------------------------------------------------------------------------------------------------

SUDO: Final = DebSpec(
    "sudo", scripts={"prerm": "case $(getent shadow root | cut -d: -f2) in ''|'*'*|'!'*) exit 1;; esac"}
)


def test_root_gets_a_password_where_sudo_wants_one(testbed: Testbed) -> None:
    shadow = "sed -n 's/^root://p' /etc/shadow"
    before = testbed.shell(shadow).output
    assert testbed.lines("post_install_root_password", "good=1") == []
    assert testbed.shell(shadow).output == before
    testbed.install(SUDO)
    assert testbed.lines("post_install_root_password", "good=1") == ["Debug: piuparts exception for package good=1"]
    assert testbed.lines("post_install_root_password", "good=1") == []  # it has one now
