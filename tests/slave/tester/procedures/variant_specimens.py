"""Packages that one variant of a test fails, or one test of ours, and packages that pass all of them."""

from __future__ import annotations

from typing import Final

from demo.debs import DebSpec, Member
from tests.slave.tester.specimens import PASS, Specimen, deb

UPGRADE_PASS: Final = "PASS: Installation, upgrade and purging tests."
TESTDEBS: Final = "testdebs"  # a suite of the archive of the tests, as a repository of packages under test
IN_TESTDEBS: Final = (deb("t-tested", version="2", depends="t-helper"), deb("t-helper"))
OURS: Final = (
    "--no-install-purge-test", "--delete-conffiles-test", "--edited-conffile-test", "--reconfigure-test",
    "--stop-without-daemon-test", "--interrupted-unpack-test",
)  # fmt: skip


def _forgetful(name: str, make: str, *, on: str = "purge") -> DebSpec:
    """A package whose postinst makes something that goes with it."""
    return deb(name, postinst=make, postrm=f'if [ "$1" = {on} ]; then rm -rf /var/lib/{name}; fi')


def _service(name: str, stop: str) -> DebSpec:
    path = f"/etc/init.d/{name}"
    script = Member(f'#!/bin/sh\nif [ "$1" = stop ]; then {stop}; fi\n', mode=0o755)
    return deb(name, files={path: script}, conffiles=[path])


def _configured(name: str, postinst: str = "") -> DebSpec:
    return deb(name, files={f"/etc/{name}": "setting\n"}, conffiles=[f"/etc/{name}"], postinst=postinst)


def _large(name: str, preinst: str) -> DebSpec:
    """A package with enough content to be in the middle of it."""
    scripts = {"preinst": preinst, "postrm": f'if [ "$1" = purge ]; then rm -rf /var/lib/{name}; fi'}
    return DebSpec(name, files={f"/usr/share/{name}/{n}": "content\n" * 5000 for n in range(4)}, scripts=scripts)


_REPEATABLE: Final = _forgetful("v-repeatable", "mkdir -p /var/lib/v-repeatable; touch /var/lib/v-repeatable/x")
_SERVICE: Final = _service("v-service", "exit 0")
_CONFIGURED: Final = _configured("v-configured", "test ! -e /etc/v-configured || grep -q setting /etc/v-configured")
_LARGE: Final = _large("v-large", "mkdir -p /var/lib/v-large")
_OF_LATE_HELPER: Final = deb("v-of-late", depends="p-late-helper")
_LEFT_IN_SRV: Final = deb("v-once", postinst="mkdir /srv/v-once")  # nobody minds what is left below /srv

VARIANTS: Final = (
    Specimen(
        "all variants",
        (_REPEATABLE, deb("v-needy", depends="p-user, v-nothing | p-helper")),
        passes=True,
        says=("Validating chroot after purge", "Reinstalling after purge", "Reinstalling after remove", *PASS),
        options=("--install-purge-install", "--install-remove-install", "--warn-on-others",
                 "--extra-old-packages", "p-user,p-nobody"),
    ),
    Specimen(
        "purge, then install",
        (_LEFT_IN_SRV,),
        passes=False,
        says=("Reinstalling after purge", "  mkdir: cannot create directory '/srv/v-once': File exists"),
        options=("--install-purge-install",),
    ),
    Specimen("installed once", (_LEFT_IN_SRV,), passes=True, says=PASS),
    Specimen(
        "remove, then install",
        (_forgetful("v-twice", "mkdir /var/lib/v-twice"),),
        passes=False,
        says=("Reinstalling after remove", "  mkdir: cannot create directory '/var/lib/v-twice': File exists"),
        options=("--install-remove-install",),
    ),
    Specimen(
        "beside an old package",
        (deb("v-alone", postinst="test ! -e /usr/share/p-helper/data"),),
        passes=False,
        begins=("Command failed (status=100): ",),
        options=("--extra-old-packages", "p-helper"),
    ),
    Specimen(
        "broken dependency",
        (deb("v-victim", depends="p-broken-helper"),),
        passes=False,
        says=("Command failed (status=100): ['chroot', 'ROOT', 'apt-get', '-y', '--allow-downgrades', 'install', "
              "'./tmp/piuparts-depends-dummy.deb']",),
        options=("--warn-on-others",),
    ),
    Specimen(
        "a dependency that leaves something when it goes",
        (_OF_LATE_HELPER,),
        passes=False,
        says=("FAIL: Package purging left files on system:", "  /var/lib/p-late\t not owned"),
        options=("--warn-on-others",),
    ),
    Specimen(
        "upgrade",
        (deb("p-upgraded", version="2", preinst='test "$1" = install || test "$2" = 1'),),
        passes=True,
        says=(UPGRADE_PASS, *PASS),
        options=("--extra-old-packages", "p-helper", "--install-remove-install"),
        upgrades=True,
    ),
    Specimen(
        "upgrade fails",
        (deb("p-upgraded", version="2", preinst='test "$1" = install'),),
        passes=False,
        says=("PASS: Installation and purging test.",),
        upgrades=True,
    ),
    Specimen(
        "nothing to upgrade from",
        (_REPEATABLE,),
        passes=True,
        says=(
            "Can't test upgrade: packages not known by apt-get.",
            "Can't test deleted configuration files: the packages have none.",
            "Can't test stopping services: the packages have no init scripts.",
            *PASS,
        ),
        options=("--delete-conffiles-test", "--stop-without-daemon-test"),
        upgrades=True,
        is_strict=True,
    ),
    Specimen(
        "upgrade by name",
        (),
        passes=True,
        says=("Can't test upgrades: -a or --apt option used.", *PASS),
        upgrades=True,
        apt=("p-user",),
    ),
)  # fmt: skip

# What the predecessor judges wrongly, or has no test for.
OURS_ALONE: Final = (
    Specimen(
        "local packages that need each other",
        (deb("v-one", depends="v-two, p-helper"), deb("v-two", depends="v-one (>= 1)")),
        passes=True,
        says=PASS,
        options=("--install-purge-install", "--warn-on-others"),
    ),
    Specimen(
        "a dependency that needs a local package",
        (deb("p-cycle", version="2", depends="p-cycle-helper"),),
        passes=True,
        says=("The dependencies cannot be installed without the packages under test.", *PASS),
        options=("--warn-on-others",),
    ),
    Specimen(
        "a dependency that leaves something when it goes, told apart",
        (_OF_LATE_HELPER,),
        passes=True,
        says=("Warning: Package purging left files on system:", "  /var/lib/p-late\t not owned",
              "  Other packages have done that: the packages under test are not to blame.", *PASS),
        options=("--warn-on-others",),
        is_strict=True,
    ),
    Specimen(
        "leaves something where its dependency does, too",
        (deb("v-late", depends="p-late-helper", postrm='[ "$1" != purge ] || touch /var/lib/v-late'),),
        passes=False,
        says=("FAIL: Package purging left files on system:", "  /var/lib/v-late\t not owned",
              "Warning: Package purging left files on system:", "  /var/lib/p-late\t not owned"),
        options=("--warn-on-others",),
        is_strict=True,
    ),
    Specimen(
        "all tests of ours",
        (_REPEATABLE, _SERVICE, _CONFIGURED, _LARGE),
        passes=True,
        says=(
            "PASS: Reinstallation after deleting the configuration files.",
            "PASS: Reinstallation with edited configuration files.",
            "PASS: Deconfiguring and configuring again.",
            "PASS: Stopping services that do not run.",
            "PASS: Recovery from an interrupted unpack.",
            "PASS: All tests.",
        ),
        options=OURS,
        is_strict=True,
    ),
    Specimen(
        "needs its conffile",
        (_configured("v-needs", "grep -q setting /etc/v-needs"),),
        passes=False,
        begins=("Command failed (status=100): ",),
        options=("--no-install-purge-test", "--delete-conffiles-test"),
        is_strict=True,
    ),
    Specimen(
        "brings its conffile back",
        (_configured("v-back", "test -e /etc/v-back || echo setting > /etc/v-back"),),
        passes=False,
        says=("FAIL: Deleted configuration files came back:", "  /etc/v-back",
              "FAIL: Reinstallation after deleting the configuration files."),
        options=("--no-install-purge-test", "--delete-conffiles-test"),
        is_strict=True,
    ),
    Specimen(
        "overwrites its conffile",
        (_configured("v-overwrites", "test ! -e /etc/v-overwrites || echo setting > /etc/v-overwrites"),),
        passes=False,
        says=("FAIL: Edited configuration files were changed:", "  /etc/v-overwrites",
              "FAIL: Reinstallation with edited configuration files."),
        options=("--no-install-purge-test", "--edited-conffile-test"),
        is_strict=True,
    ),
    Specimen(
        "appends when configured",
        (_forgetful("v-appends", "echo x >> /var/lib/v-appends"),),
        passes=False,
        says=("FAIL: Deconfiguring and configuring again changed files:", "  /var/lib/v-appends\t not owned"),
        options=("--no-install-purge-test", "--reconfigure-test"),
        is_strict=True,
    ),
    Specimen(
        "stops nothing",
        (_service("v-stops", "kill $(cat /run/v-stops.pid)"),),
        passes=False,
        begins=("FAIL: Stop script /etc/init.d/v-stops fails without a running daemon (status=",),
        options=("--no-install-purge-test", "--stop-without-daemon-test"),
        is_strict=True,
    ),
    Specimen(
        "unpacks once",
        (_large("v-unpacks", "mkdir /var/lib/v-unpacks"),),
        passes=False,
        says=("Installing after an interrupted unpack",
              "  mkdir: cannot create directory '/var/lib/v-unpacks': File exists"),
        options=("--no-install-purge-test", "--interrupted-unpack-test"),
        is_strict=True,
    ),
)  # fmt: skip
