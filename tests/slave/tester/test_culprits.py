"""Whose doing is it: packages that leave and change files in a real chroot, and what is said about each file."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from demo.debs import DebSpec, build
from piufarm.outcome import Finding, Origin, Severity, is_innocent
from piufarm.slave.bases.prepare import prepare
from piufarm.slave.bases.request import BaseRequest, Tarball
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, CommandResult
from piufarm.slave.chroot.limits import default_limits
from piufarm.slave.chroot.overlay import OverlayBackend
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.tester.blame.culprits import charge
from piufarm.slave.tester.state.owners import INFO, FileLists, parse_list
from tests.slave.tester.specimens import deb
from tests.support.bases import BaseTarball

pytestmark = pytest.mark.farm

DEPENDENCY: Final = deb(
    "c-dep",
    directories={"/var/lib/c-dep": 0o755},
    control_files={"triggers": "interest-noawait /usr/share/c-watched\n"},
    postinst="""
if [ "$1" = triggered ]; then touch /etc/c-triggered; exit 0; fi
touch /etc/c-dep-left /etc/c-both; mkdir /etc/c-dep.d; rm /etc/pam.d/common-password; chmod 600 /etc/networks || true
""",
    postrm='[ "$1" != purge ] || touch /etc/c-dep-purged',
)
OWN: Final = deb(
    "c-own",
    depends="c-dep",
    files={"/usr/share/c-watched/x": "x\n"},
    postinst="""
touch /etc/c-own-left /var/lib/c-dep/own /etc/c-dep.d/own; echo more >> /etc/c-both; echo more >> /usr/share/c-dep/data
chmod 600 /etc/host.conf
""",
)
DAEMON: Final = deb("c-daemon", postinst="(sleep 1; touch /etc/c-late; sleep 9) > /dev/null 2>&1 &")
SECOND: Final = deb("c-second", postinst="(sleep 0.2; touch /etc/c-meanwhile) > /dev/null 2>&1 &")
SLOW: Final = deb("c-slow", postinst="sleep 0.6; touch /etc/c-slow")
BROKEN: Final = deb("c-broken", postinst="exit 7")
NEEDY: Final = deb("c-needy", depends="c-broken")


@dataclass
class Site:
    """A chroot in which packages have come and gone."""

    chroot: Chroot
    folder: Path
    lists: FileLists

    def dpkg(self, *words: str) -> CommandResult:
        return self.chroot.run(["dpkg", *words], env=CHROOT_ENVIRONMENT)

    def install(self, *specs: DebSpec) -> CommandResult:
        for spec in specs:
            self.chroot.put(f"/root/{spec.file_name}", build(spec, self.folder).read_bytes())
        return self.dpkg("--install", *(f"/root/{spec.file_name}" for spec in specs))

    def note_owners(self, *names: str) -> None:
        lists = {name: parse_list(self.chroot.read(f"{INFO}{name}.list") or b"") for name in names}
        self.lists = self.lists.updated(lists)

    def charged(self, check: str, *paths: str, text: str = "") -> Finding:
        return charge(Finding(check, Severity.ERROR, text, paths), self.chroot, self.lists)


@contextmanager
def opened(base_tarball: BaseTarball, cache: Path, folder: Path) -> Iterator[Site]:
    request = BaseRequest(Tarball(base_tarball.path), "amd64", upgrade=False)
    with (
        prepare(request, cache=cache, network=NetworkAccess((), cache / "debs")) as base,
        OverlayBackend(Path("/tmp")).open(base, default_limits()) as chroot,
    ):
        yield Site(chroot, folder, FileLists.of_base(base.root))


@pytest.fixture(scope="module")
def site(base_tarball: BaseTarball, session_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened(base_tarball, session_cache, tmp_path_factory.mktemp("debs")) as site:
        assert site.install(DEPENDENCY).status == 0
        assert site.install(OWN).status == 0
        site.note_owners("c-dep", "c-own")
        assert site.install(DAEMON).status == 0
        time.sleep(1.5)
        assert site.install(SECOND, SLOW).status == 0
        yield site


def told(finding: Finding) -> tuple[Sequence[str], bool]:
    return finding.culprits, finding.is_settled


@pytest.mark.parametrize(
    ("paths", "culprits"),
    [
        (["/etc/c-dep-left"], ["c-dep"]),
        (["/etc/c-own-left"], ["c-own"]),
        (["/etc/c-dep-left", "/etc/c-own-left"], ["c-dep", "c-own"]),
        (["/etc/c-both"], ["c-dep", "c-own"]),
        (["/etc/c-triggered"], ["c-dep"]),
        (["/var/lib/c-dep/own", "/var/lib/c-dep/"], ["c-own"]),
        (["/etc/c-dep.d/own", "/etc/c-dep.d/"], ["c-dep", "c-own"]),
        (["/etc/c-late"], ["c-daemon"]),
        (["/etc/c-dep.conf.dpkg-old"], []),
    ],
)
def test_what_is_left_is_charged_to_whoever_made_or_changed_it(
    site: Site, paths: Sequence[str], culprits: Sequence[str]
) -> None:
    assert told(site.charged("left-files", *paths)) == (tuple(culprits), bool(culprits))


def test_a_file_tells_who_made_and_who_changed_it(site: Site) -> None:
    (origin,) = site.charged("left-files", "/etc/c-both").origins
    script = "postinst configure"
    assert origin == Origin("/etc/c-both", (), "c-dep", script, "c-own", script)


def test_the_script_of_a_trigger_is_named(site: Site) -> None:
    (origin,) = site.charged("left-files", "/etc/c-triggered").origins
    assert origin.made_in == "postinst triggered"


def test_what_a_process_made_while_another_script_ran_is_nobodys_for_sure(site: Site) -> None:
    assert told(site.charged("left-files", "/etc/c-meanwhile")) == ((), False)
    assert told(site.charged("left-files", "/etc/c-slow")) == ((), False)


def test_a_changed_file_of_the_base_is_charged_to_whoever_changed_it(site: Site) -> None:
    assert told(site.charged("modified-files", "/etc/host.conf")) == (("c-own",), True)


def test_what_disappeared_is_charged_to_the_only_one_who_was_there(site: Site) -> None:
    assert told(site.charged("disappeared-files", "/etc/pam.d/common-password")) == (("c-dep",), True)


def test_a_packaged_file_is_charged_to_whoever_changed_it(site: Site) -> None:
    assert told(site.charged("debsums", "/usr/share/c-dep/data")) == (("c-own",), True)
    assert told(site.charged("debsums", "/usr/share/c-own/data")) == (("c-own",), True), "its own sums are wrong"


def test_running_processes_are_charged_to_whoever_started_them(site: Site) -> None:
    assert told(site.charged("processes", "sleep 9")) == (("c-daemon",), True)


def test_a_failing_script_is_charged_to_its_package_and_not_to_those_that_need_it(site: Site) -> None:
    result = site.install(BROKEN, NEEDY)
    assert result.status != 0
    finding = site.charged("commands", text=result.output.decode())
    site.dpkg("--purge", "c-needy", "c-broken")
    assert told(finding) == (("c-broken",), True)
    assert is_innocent([finding], ["c-needy"])
    assert not is_innocent([finding], ["c-broken"])


def test_what_a_purge_makes_is_charged_to_it(site: Site) -> None:
    site.chroot.kill_processes()
    assert site.dpkg("--purge", "c-own", "c-dep").status == 0
    assert told(site.charged("left-files", "/etc/c-dep-purged")) == (("c-dep",), True)


def test_users_and_groups_are_charged_to_the_only_package_that_had_anything_to_say(
    base_tarball: BaseTarball, session_cache: Path, tmp_path: Path
) -> None:
    with opened(base_tarball, session_cache, tmp_path) as site:
        assert site.install(deb("c-plain"), deb("c-person", postinst="useradd -u 4711 c-person")).status == 0
        assert told(site.charged("accounts")) == (("c-person",), True)
        assert site.install(deb("c-later", postinst="true")).status == 0
        assert told(site.charged("accounts")) == (("c-person",), True), "it came too late to have done it"
        assert site.install(deb("c-group", postinst="groupadd -g 4712 c-group")).status == 0
        assert told(site.charged("accounts")) == ((), False), "nobody knows which of them made which"


def test_users_and_groups_that_nobody_changed_are_nobodys(
    base_tarball: BaseTarball, session_cache: Path, tmp_path: Path
) -> None:
    with opened(base_tarball, session_cache, tmp_path) as site:
        assert site.install(deb("c-scripted", postinst="true")).status == 0
        assert told(site.charged("accounts")) == ((), False)
