"""The sample session of the protocol's public documentation, against archives that decide its last answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from demo.archive import SignedArchive
from demo.debs import DebSpec
from demo.server import ArchiveServer
from tests.master.office import SID, Office, open_office

SAMPLE = "section sid\npass liwc 1.2.3-4\n The piuparts\n log file comes\n here\n.\nreserve\n"


@pytest.fixture
def mirrored(tmp_path: Path, signed_archive: SignedArchive, archive_server: ArchiveServer) -> Office:
    """A master whose section sid follows the archive on loopback."""
    return open_office(tmp_path, f"mirror = {archive_server.url}\narchive-keyring = {signed_archive.keyring}")


def test_the_sample_session_gives_exactly_the_documented_answers(
    mirrored: Office, signed_archive: SignedArchive
) -> None:
    signed_archive.publish(
        "sid", [DebSpec("vorbisgain", "2.3-4"), DebSpec("vorbis-user", depends="vorbisgain"), DebSpec("alone")]
    )
    assert mirrored.command("refresh").status == 0
    completed = mirrored.session(SAMPLE)
    assert completed.stdout == b"hello\nok\nok\nok vorbisgain 2.3-4\n"
    assert (completed.status, completed.stderr) == (0, b"")
    (run,) = mirrored.store.runs(SID)
    assert (run.package, run.version) == ("liwc", "1.2.3-4")
    log = mirrored.files.root / "pass" / "liwc_1.2.3-4.log"
    assert log.read_text() == "The piuparts\nlog file comes\nhere\n"


def test_with_another_archive_another_package_is_handed_out(mirrored: Office, signed_archive: SignedArchive) -> None:
    signed_archive.publish("sid", [DebSpec("oggz-tools", "1:1.1-2")])
    assert mirrored.command("refresh").status == 0
    assert mirrored.session(SAMPLE).stdout == b"hello\nok\nok\nok oggz-tools 1:1.1-2\n"
