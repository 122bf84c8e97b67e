from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from piufarm.slave.tester.state.diversions import parse_diversions
from piufarm.slave.tester.state.owners import FileLists, parse_list
from piufarm.slave.tester.state.packages import Conffile, InstalledPackage, parse_query, restoration

OUTPUT = (
    "install\tinstalled\tbase-files\t12.4\n"
    " /etc/issue e3f0000000000000000000000000000f\n"
    " /etc/with blank e3f0000000000000000000000000000f obsolete\n"
    "install\tinstalled\tlibc6:amd64\t2.36-9\n\n"
    "deinstall\tconfig-files\tgone\t1\n\n"
)


def test_packages_and_their_configuration_files_are_read() -> None:
    packages = parse_query(OUTPUT)
    assert list(packages) == ["base-files", "libc6:amd64", "gone"]
    assert packages["base-files"].conffiles == (
        Conffile("/etc/issue", "e3f0000000000000000000000000000f", False),
        Conffile("/etc/with blank", "e3f0000000000000000000000000000f", True),
    )
    assert (packages["libc6:amd64"].plain_name, packages["libc6:amd64"].is_installed) == ("libc6", True)
    assert not packages["gone"].is_installed


@given(st.text())
def test_any_output_of_the_query_is_read_without_an_error(text: str) -> None:
    assert isinstance(parse_query(text), dict)


@given(st.binary())
def test_any_content_of_the_database_is_read_without_an_error(content: bytes) -> None:
    assert all(path.startswith("/") for path in parse_list(content))
    assert isinstance(parse_diversions(content), tuple)


def test_half_removed_packages_are_pending() -> None:
    assert InstalledPackage("x", "1", "purge", "config-files").is_pending
    assert InstalledPackage("x", "1", "deinstall", "half-installed").is_pending
    assert not InstalledPackage("x", "1", "deinstall", "config-files").is_pending
    assert not InstalledPackage("x", "1", "install", "installed").is_pending


def test_what_the_base_does_not_have_goes_and_what_it_had_comes_back() -> None:
    base = {
        **{name: InstalledPackage.of_base(name, "1") for name in ("kept", "upgraded", "removed", "held")},
        "remains": InstalledPackage("remains", "1", "deinstall", "config-files"),
        "revived": InstalledPackage("revived", "1", "deinstall", "config-files"),
    }
    now = {
        "kept": InstalledPackage("kept", "1", "install", "installed"),
        "upgraded": InstalledPackage("upgraded", "2", "install", "installed"),
        "removed": InstalledPackage("removed", "1", "deinstall", "config-files"),
        "held": InstalledPackage("held", "1", "hold", "installed"),
        "remains": InstalledPackage("remains", "1", "deinstall", "config-files"),
        "revived": InstalledPackage("revived", "2", "install", "installed"),
        "new": InstalledPackage("new", "1", "install", "installed"),
        "leftover": InstalledPackage("leftover", "1", "deinstall", "config-files"),
        "never": InstalledPackage("never", "", "unknown", "not-installed"),
    }
    plan = restoration(base, now)
    assert plan.remove == ("leftover", "new", "revived")
    assert plan.install == {"upgraded": "1", "removed": "1"}


def test_the_tested_package_is_removed_last() -> None:
    now = {name: InstalledPackage(name, "1", "install", "installed") for name in ("a", "probe", "z")}
    assert restoration({}, now, last=["probe"]).remove == ("a", "z", "probe")


def test_a_path_can_have_several_owners_and_directories_are_looked_up_without_their_slash() -> None:
    lists = FileLists({"b": ["/etc", "/etc/x"], "a:amd64": ["/etc"]})
    assert lists.owners("/etc/") == ("a:amd64", "b")
    assert lists.owners("/etc/y") == ()
    assert lists.of("a") == ["/etc"]


def test_lists_are_replaced_and_taken_away() -> None:
    lists = FileLists({"a": ["/a"], "b": ["/b"]}).updated({"a": None, "b": ["/b2"], "c": ["/c"]})
    assert lists.lists == {"b": ["/b2"], "c": ["/c"]}


def test_diversions_read_as_dpkg_tells_them() -> None:
    diversions = parse_diversions(b"/bin/sh\n/bin/sh.distrib\ndash\n/a\n/b\n:\n")
    told = [str(diversion) for diversion in diversions]
    assert told == ["diversion of /bin/sh to /bin/sh.distrib by dash", "local diversion of /a to /b"]
    assert parse_diversions(None) == ()
