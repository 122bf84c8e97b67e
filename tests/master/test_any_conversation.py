"""Whatever a slave says, in whatever order: the session ends well or with a reason, and files and rows agree."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.errors import FarmError
from piufarm.store.model import Standing
from tests.master.office import SID, Office, open_office

_LINES = st.sampled_from(
    [
        b"section sid\n", b"section sid\n", b"section other\n", b"section nowhere\n", b"reserve\n", b"reserve\n",
        b"idle\n", b"status\n", b"recycle\n", b"unreserve a 1\n", b"unreserve z 9\n", b"_depends b\n",
        b"pass a 1\n one\n.\n", b"fail a 1\n two\n.\n", b"untestable b 1\n.\n", b"pass z 9\n \n . \n  .\n.\n",
        b"features\n", b"lease 3\n", b"renew\n", b"trouble a 1 disk\n full\n.\n", b"trouble b 1 network\n.\n",
        b"why b\n", b"_state c\n", b"pass b 1 zstd 9\n(\xb5/\xfd \x00\x01\x00\x00",
        b"pass a 1\n never ended\n", b"nonsense\n", b" \n", b"\xff\n",
    ]
)  # fmt: skip


def _check(office: Office) -> None:
    assert office.differences() == []
    runs = list(office.store.runs(SID))
    current = [(run.package, run.version) for run in runs if run.standing is Standing.CURRENT]
    assert len(current) == len(set(current))
    assert len(list(office.files.runs.glob("*"))) == len(runs) if office.files.runs.exists() else not runs
    assert len(office.classic_logs()) == len(current)
    troubles = list(office.files.trouble.glob("*")) if office.files.trouble.exists() else []
    assert len(troubles) == len([one for one in office.store.troubles(SID) if one.log is not None])
    held = [(one.package, one.version) for one in office.store.reservations(SID)]
    assert len(held) == len(set(held))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["worker1", "worker2", None]), st.lists(_LINES, max_size=8)), max_size=3))
def test_whatever_slaves_say_files_and_rows_agree(conversations: list[tuple[str | None, list[bytes]]]) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as directory:  # an evaluation may just be ending in it
        office = open_office(Path(directory), "reserve-wait = 0")
        office.fill("a", "b -> a")
        for slave, lines in conversations:
            try:
                answers = office.converse(b"section sid\n" + b"".join(lines), slave=slave)
            except FarmError:
                answers = (office.directory / "out").read_text().splitlines()
            assert answers[:2] == ["hello", "ok"]
            _check(office)
        office.store.close()
