"""The packages of a distro, as master and slave see them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from demo.archive import SignedArchive
from demo.debs import DebSpec
from piufarm.archive.cache import IndexCache
from piufarm.archive.errors import ArchiveError, MalformedFile, SizeMismatch
from piufarm.archive.suite import SuitePackages, section_packages
from piufarm.config.distros import Distros, load_distros
from piufarm.config.load import load
from piufarm.config.model import Section
from piufarm.names import Package, SectionName
from tests.core.archive.handmade import HandmadeArchive, digest, paragraph

HELLO = Package("hello")


def packages_of(tmp_path: Path, *texts: str | bytes) -> SuitePackages:
    """Packages files with these contents, opened together."""
    files = []
    for number, text in enumerate(texts):
        file = tmp_path / f"Packages{number}"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        files.append(file)
    return SuitePackages(files, digest="")


def a_section(tmp_path: Path, text: str) -> Section:
    """The section [sid] of a configuration."""
    file = tmp_path / "piuparts.conf"
    file.write_text(f"[sid]\narch = amd64\ncheck-valid-until = yes\n{text}")
    return load(file).sections[SectionName("sid")]


def test_a_record_has_what_master_and_slave_ask_for(tmp_path: Path) -> None:
    packages = packages_of(
        tmp_path,
        paragraph(
            "libhello1", "1:2.0-1+b1", Source="hello (1:2.0-1)", Maintainer="Jürgen <j@example.org>",
            Depends="libc6 (>= 2.36), debconf | debconf-2.0", Pre_Depends="dpkg", Provides="libhello (= 2)",
        )
        + paragraph("plain", "3") + paragraph("other", "4", Source="another"),
    )
    assert [tuple(record) for record in packages] == [
        ("libhello1", "1:2.0-1+b1", "hello", "1:2.0-1", "Jürgen <j@example.org>",
         "libc6 (>= 2.36), debconf | debconf-2.0", "dpkg", "libhello (= 2)"),
        ("plain", "3", "plain", "3", "", "", "", ""),
        ("other", "4", "another", "4", "", "", "", ""),
    ]
    assert len(packages) == 3


def test_the_highest_version_of_a_name_wins_the_first_one_among_equals(tmp_path: Path) -> None:
    packages = packages_of(
        tmp_path,
        paragraph("a", "1.9") + paragraph("b", "1", Section="first") + paragraph("a", "1.10") + paragraph("c", "2~rc1"),
        paragraph("b", "1", Section="second") + paragraph("c", "2") + paragraph("d", "1:0"),
    )
    assert [(record.name, record.version) for record in packages] == [
        ("b", "1"), ("a", "1.10"), ("c", "2"), ("d", "1:0"),
    ]
    assert packages.version(Package("c")) == "2"
    assert packages.paragraph(Package("b")) == "Package: b\nVersion: 1\nSection: first\n"
    assert packages.version(Package("nope")) is None
    assert packages.paragraph(Package("nope")) is None


def test_single_records_are_found_without_reading_all(tmp_path: Path) -> None:
    text = "".join(paragraph(f"p{number}", str(number), Depends=f"p{number + 1}") for number in range(5000))
    packages = packages_of(tmp_path, text)
    records = packages.records([Package("p4999"), Package("p0"), Package("gone")])
    assert {name: record.depends for name, record in records.items()} == {"p0": "p1", "p4999": "p5000"}


def test_a_paragraph_is_given_as_the_archive_writes_it(tmp_path: Path) -> None:
    text = paragraph("hello", "1", Description="a\n long text\n .\n with\ttabs")
    assert packages_of(tmp_path, paragraph("a") + text).paragraph(HELLO) == text.rstrip("\n") + "\n"
    assert packages_of(tmp_path, (paragraph("a") + text).rstrip("\n")).paragraph(HELLO) == text.rstrip("\n") + "\n"


def test_text_that_is_not_utf8_and_odd_line_separators_do_no_harm(tmp_path: Path) -> None:
    odd = "Maintainer: A\u2028B\x85C\x0cD".encode() + b" \xe9\n"
    packages = packages_of(tmp_path, b"Package: hello\nVersion: 1\n" + odd + b"Depends: x\n\n")
    record = packages.records([HELLO])[HELLO]
    assert record.maintainer == "A\u2028B\x85C\x0cD \ufffd"
    assert record.depends == "x"


@pytest.mark.parametrize(
    "bad",
    [
        "Package: ../../etc/passwd\nVersion: 1\n\n", "Package: a_b\nVersion: 1\n\n", "Package: a\nVersion: 1/2\n\n",
        "Package: a\n\n", "Version: 1\n\n", "Package: a\nVersion: $(reboot)\n\n",
        f"Package: {'x' * 300}\nVersion: 1\n\n",
    ],
)
def test_an_illegal_name_or_version_never_gets_in(tmp_path: Path, bad: str) -> None:
    packages = packages_of(tmp_path, paragraph("before") + bad + paragraph("hello"))
    assert [record.name for record in packages] == ["before", "hello"]
    assert len(packages.skipped) == 1


def test_an_illegal_source_name_gives_way_to_the_packages_own(tmp_path: Path) -> None:
    record = packages_of(tmp_path, paragraph("hello", Source="../x (1)")).records([HELLO])[HELLO]
    assert (record.source, record.source_version) == ("hello", "1")


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MalformedFile):
        packages_of(tmp_path, paragraph("hello") + "<html>no colon</html>\n\n")
    with pytest.raises(ArchiveError):
        SuitePackages([tmp_path / "nowhere"], digest="")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300) | st.text(alphabet="Package: \nVrsio1(", max_size=300).map(str.encode))
def test_any_bytes_are_an_index_or_refused(tmp_path: Path, content: bytes) -> None:
    try:
        packages = packages_of(tmp_path, content)
    except ArchiveError as error:
        assert error.message
    else:
        assert len(list(packages)) == len(packages)
        assert all(packages.paragraph(record.name) for record in packages)


def test_a_section_reads_its_distro_from_a_signed_archive(signed_archive: SignedArchive, tmp_path: Path) -> None:
    signed_archive.publish("sid", [DebSpec("vorbisgain", "2.3-4", depends="liwc")])
    section = a_section(
        tmp_path, f"distro = sid\nmirror = file://{signed_archive.www}/\narchive-keyring = {signed_archive.keyring}\n"
    )
    cache = IndexCache(tmp_path / "cache")
    packages = section_packages(section, Distros(), "sid", cache)
    assert [(record.name, record.version, record.depends) for record in packages] == [("vorbisgain", "2.3-4", "liwc")]
    again = section_packages(section, Distros(), "sid", cache)
    assert again.digest == packages.digest
    signed_archive.publish("sid", [DebSpec("vorbisgain", "2.3-5")])
    changed = section_packages(section, Distros(), "sid", cache)
    assert (changed.version(Package("vorbisgain")), changed.digest != packages.digest) == ("2.3-5", True)
    signed_archive.truncate("sid")
    signed_archive.publish("other", [])
    with pytest.raises(SizeMismatch):
        section_packages(section, Distros(), "sid", IndexCache(tmp_path / "empty-cache"))


def test_candidates_are_merged_from_several_archives(tmp_path: Path) -> None:
    main = HandmadeArchive(tmp_path / "main", suite="old", fields={"Suite": "old"})
    main.publish(paragraph("a", "1") + paragraph("b", "1"))
    security = HandmadeArchive(tmp_path / "security", suite="old-security", fields={"Suite": "old-security"})
    security.publish(paragraph("b", "1+deb1"))
    (tmp_path / "distros.conf").write_text(
        f"[old-security]\nuri = {security.url}\ndepends = old\n"
        "[old-next]\nuri = None\ndepends = old old-security\ncandidates = old old-security\n"
        "[old-merged]\nuri = None\ndepends = old old-security\n"
    )
    distros = load_distros(tmp_path / "distros.conf")
    section = a_section(tmp_path, f"mirror = {main.url}\narchive-keyring = none\n")
    cache = IndexCache(tmp_path / "cache")

    def versions(distro: str) -> dict[str, str]:
        return {record.name: record.version for record in section_packages(section, distros, distro, cache)}

    assert versions("old-next") == {"a": "1", "b": "1+deb1"}
    assert versions("old-security") == {"b": "1+deb1"}
    assert versions("old-merged") == {"a": "1", "b": "1"}, "a virtual distro takes its first parent's"


def test_sections_on_one_suite_share_the_cached_index(tmp_path: Path) -> None:
    archive = HandmadeArchive(tmp_path / "www")
    archive.publish(paragraph("a"))
    section = a_section(tmp_path, f"mirror = {archive.url}\narchive-keyring = none\n")
    cache = IndexCache(tmp_path / "cache")
    section_packages(section, Distros(), "sid", cache)
    section_packages(section, Distros(), "sid", cache)
    assert [file.name for file in cache.directory.iterdir()] == [f"Packages-{digest(paragraph('a').encode())}"]
