"""What is noted of a log while it goes by."""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.master.results.log_meter import LogMeter
from piufarm.slave.job.logfile import LogWriter

_BEGAN = datetime(2026, 11, 20, 5, 2, 37, tzinfo=UTC)


def _metered(log: bytes, piece: int = 7) -> LogMeter:
    meter = LogMeter()
    for start in range(0, len(log), piece):
        meter.feed(log[start : start + piece])
    return meter


def _log(seconds: float, output: bytes = b"") -> bytes:
    """As our slave writes it."""
    moments = iter([_BEGAN, _BEGAN + timedelta(seconds=seconds)])
    stream = io.BytesIO()
    writer = LogWriter(stream, clock=lambda: next(moments))
    writer.start("\nPackage: a\n\n")
    writer.executing(["piuparts", "a"])
    writer.output(output)
    writer.finish(0, writer.end_of_output() or None)
    return stream.getvalue()


@given(st.binary(), st.integers(1, 50))
def test_size_and_digest_are_those_of_the_whole_log(log: bytes, piece: int) -> None:
    meter = _metered(log, piece)
    assert (meter.size, meter.sha256) == (len(log), hashlib.sha256(log).hexdigest())
    assert meter.seconds is None


@given(st.integers(0, 86400), st.binary(max_size=5000), st.integers(1, 4000))
def test_a_test_took_as_long_as_its_slave_says(seconds: int, output: bytes, piece: int) -> None:
    assert _metered(_log(seconds, output), piece).seconds == seconds


def test_the_predecessors_logs_name_the_zone_either_way() -> None:
    log = b"Start: 2026-11-20 05:02:37 UTC\n\nret=0\nEnd: 2026-11-20 05:03:39 UTC\n"
    assert _metered(log).seconds == 62
    assert _metered(log.replace(b"UTC", b"GMT")).seconds == 62


@pytest.mark.parametrize(
    "log",
    [
        b"",
        b"Start: 2026-11-20 05:02:37 GMT\n",
        b"End: 2026-11-20 05:02:37 GMT\n",
        b"Start: 2026-11-20 05:02:37 GMT\nEnd: 2026-11-20 05:02:36 GMT\n",
        b"Start: 2026-13-20 05:02:37 GMT\nEnd: 2026-11-20 05:02:39 GMT\n",
        b"Start: 1999-11-20 05:02:37 GMT\nEnd: 2026-11-20 05:02:39 GMT\n",
        b"xStart: 2026-11-20 05:02:37 GMT\nEnd: 2026-11-20 05:02:39 GMT\n",
    ],
)
def test_what_makes_no_sense_is_not_known(log: bytes) -> None:
    assert _metered(log).seconds is None
