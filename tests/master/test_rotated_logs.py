"""Turning the master's logs over, as the sample for logrotate does it, loses no line of a session that goes on."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

from piufarm.run import PIPE, run, spawn
from tests.master.office import Office
from tests.support.clone import CLONE, PIUFARM

_SAMPLE_FOLDER = "/var/lib/piuparts/master"


def _turn_over(office: Office, directory: Path) -> None:
    """What cron does once a week."""
    text = (CLONE / "conf" / "logrotate").read_text()
    config = directory / "logrotate.conf"
    config.write_text(text.replace(_SAMPLE_FOLDER, str(office.master_directory)).replace("piupartsm", "root"))
    config.chmod(0o644)
    run(["logrotate", "--force", "--state", directory / "state", config])


def _lines(office: Office) -> Sequence[str]:
    """Everything that the section's log ever said."""
    texts = []
    for file in office.files.root.glob("master.log*"):
        content = file.read_bytes()
        texts.append(gzip.decompress(content) if file.suffix == ".gz" else content)
    return b"".join(texts).decode().splitlines()


def test_no_line_is_lost_when_the_logs_are_turned_over(office: Office, tmp_path: Path) -> None:
    session = spawn([PIUFARM, "master", "session", "--config", office.config], stdin=PIPE, stdout=PIPE)
    assert session.stdin is not None
    assert session.stdout is not None
    for number in range(3):
        session.stdin.write(b"section sid\n" if not number else b"pass before%d 1\n.\n" % number)
        session.stdin.flush()
        assert session.stdout.readline() == (b"hello\n" if not number else b"ok\n")
    _turn_over(office, tmp_path)
    assert office.session("section sid\npass another 1\n.\n").stdout == b"hello\nok\nok\n"
    session.stdin.write(b"pass after 1\n.\n")
    session.stdin.close()
    assert session.stdout.read() == b"ok\nok\n"
    session.stdout.close()
    assert session.wait() == 0
    _turn_over(office, tmp_path)
    assert len(list(office.files.root.glob("master.log.*"))) == 2
    said = [line.split()[-2] for line in _lines(office) if ">> pass" in line]
    assert sorted(said) == ["after", "another", "before1", "before2"]
    assert len(office.files.submissions.read_text().splitlines()) == 4
