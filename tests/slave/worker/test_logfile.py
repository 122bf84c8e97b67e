"""Logs, byte for byte."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from piufarm.protocol import DEFAULT_LIMITS
from piufarm.slave.job.logfile import LogWriter, OutputText
from piufarm.slave.job.verdict import INCOMPLETE

MOMENT = datetime(2026, 11, 20, 6, 14, 52, tzinfo=UTC)


def text_of(*pieces: bytes, limit: int = 1 << 20, lines: int = 1 << 20) -> tuple[bytes, str]:
    """What becomes of an output, and its last line."""
    output = OutputText(limit, lines=lines)
    log = b"".join(output.feed(piece) for piece in pieces) + output.end()
    return log, output.last_line


def test_a_whole_log() -> None:
    stream = io.BytesIO()
    log = LogWriter(stream, clock=lambda: MOMENT)
    log.start("\nPackage: hello\nVersion: 2.10-3\n\n")
    log.executing(["piuparts", "--mirror", "http://mirror.example main", "--apt", "hello=2.10-3"])
    log.output(b"0m0.0s DEBUG: \x1b[31mred\r\n")
    log.output(b"caf\xe9")
    assert log.end_of_output() == "caf\\xe9"
    log.finish(1024, INCOMPLETE)
    assert stream.getvalue().decode() == (
        "Start: 2026-11-20 06:14:52 GMT\n"
        "\n"
        "Package: hello\n"
        "Version: 2.10-3\n"
        "\n"
        "Executing: piuparts --mirror 'http://mirror.example main' --apt hello=2.10-3\n"
        "0m0.0s DEBUG: [ESC][31mred\n"
        "caf\\xe9\n"
        " *** PIUPARTS OUTPUT INCOMPLETE ***\n"
        "\n"
        "ret=1024\n"
        "End: 2026-11-20 06:14:52 GMT\n"
    )


def test_an_untestable_log_has_no_command() -> None:
    stream = io.BytesIO()
    log = LogWriter(stream, clock=lambda: MOMENT)
    log.start("Package missing not found in one\n")
    log.finish(-10001)
    assert stream.getvalue().decode() == (
        "Start: 2026-11-20 06:14:52 GMT\n"
        "Package missing not found in one\n"
        "\n"
        "ret=-10001\n"
        "End: 2026-11-20 06:14:52 GMT\n"
    )


def test_line_ends_become_lf_and_a_missing_one_is_added() -> None:
    assert text_of(b"a\r\nb\rc\n") == (b"a\nb\nc\n", "c")
    assert text_of(b"a\r", b"\nb") == (b"a\nb\n", "b")
    assert text_of() == (b"", "")


def test_blank_lines_at_the_end_make_the_last_line_blank() -> None:
    assert text_of(b"piuparts run ends.\n\n\n")[1] == ""


def test_an_output_too_long_loses_its_middle() -> None:
    log, last = text_of(b"head\n" + b"x" * 300_000 + b"\n", b"the end\n", limit=1000)
    assert log.startswith(b"head\nxxx")
    assert b"\n *** " in log and b" bytes of output left out ***\n" in log
    assert log.endswith(b"x\nthe end\n")
    assert last == "the end"
    assert len(log) < 70_000


def test_an_output_a_little_too_long_is_kept_whole() -> None:
    assert text_of(b"12345", b"67890\n", limit=7) == (b"1234567890\n", "1234567890")


def test_an_output_of_too_many_lines_loses_its_middle_too() -> None:
    text, last = text_of(b"a\nb\n", b"\n" * 99_999 + b"end\n", lines=2)
    assert text.startswith(b"a\nb\n\n *** ") and text.endswith(b"\nend\n")
    assert text.count(b"\n") < 70_000
    assert last == "end"


def test_a_master_takes_the_log_of_a_test_that_prints_nothing_but_line_ends() -> None:
    output = OutputText()
    lines = sum(output.feed(b"\n" * (1 << 20)).count(b"\n") for _ in range(64)) + output.end().count(b"\n")
    assert lines < DEFAULT_LIMITS.body_lines


@given(
    st.binary(max_size=200) | st.text("\r\na", max_size=200).map(str.encode),
    st.lists(st.integers(0, 200), max_size=8),
    st.sampled_from([3, 50, 1000]),
    st.sampled_from([0, 2, 1000]),
)
def test_the_log_is_the_same_however_the_output_comes_in(
    data: bytes, places: list[int], limit: int, lines: int
) -> None:
    whole = text_of(data, limit=limit, lines=lines)
    borders = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    pieces = [data[start:stop] for start, stop in pairwise(borders)]
    assert text_of(*pieces, limit=limit, lines=lines) == whole
    log = whole[0].decode()
    assert "\x1b" not in log and "\r" not in log
    assert log == "" or log.endswith("\n")
