from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from piufarm.errors import FarmError
from piufarm.slave.tester.output.log import Level, TestLog, decode_output, one_line, quote_command, render, timestamp


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0m0.0s"), (1.25, "0m1.2s"), (59.99, "0m59.9s"), (60, "1m0.0s"), (723.04, "12m3.0s")]
)
def test_a_time_is_minutes_and_seconds_with_one_decimal(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text


def test_continuation_lines_are_indented_and_have_no_prefix() -> None:
    assert render(1, Level.ERROR, "WARN: Broken symlinks:\n/a -> b\n/c -> d") == (
        b"0m1.0s ERROR: WARN: Broken symlinks:\n  /a -> b\n  /c -> d\n"
    )


def test_a_list_ends_with_an_empty_line() -> None:
    assert render(0, Level.INFO, "files:\n/a\t not owned\n") == b"0m0.0s INFO: files:\n  /a\t not owned\n\n"


def test_output_stands_below_an_empty_first_line() -> None:
    assert render(0, Level.DUMP, "\nReading…") == "0m0.0s DUMP: \n  Reading…\n".encode()


def test_bytes_that_are_not_utf8_are_shown_and_not_lost() -> None:
    assert render(0, Level.INFO, "/etc/\udcffä") == "0m0.0s INFO: /etc/\\xffä\n".encode()
    assert decode_output(b"caf\xe9\n") == "caf\\xe9\n"


def test_progress_lines_that_end_in_carriage_returns_are_lines() -> None:
    assert decode_output(b"5%\r10%\rdone\r\n") == "5%\n10%\ndone\n"


def test_commands_are_lists_of_single_quoted_words_on_one_line() -> None:
    assert quote_command(["chroot", "/tmp/tmpab12", "apt-get", "-y"]) == "['chroot', '/tmp/tmpab12', 'apt-get', '-y']"
    assert quote_command(["a'b", "c\\d", "e\nf", "\x1b"]) == r"['a\'b', 'c\\d', 'e\nf', '\x1b']"


@given(st.lists(st.text(), min_size=1))
def test_a_command_never_breaks_out_of_its_line(words: list[str]) -> None:
    assert len(quote_command(words).splitlines()) == 1


@given(st.binary(max_size=300).filter(bytes.strip))
def test_whatever_a_command_prints_cannot_pass_for_a_record(output: bytes) -> None:
    record = render(0, Level.DUMP, "\n" + decode_output(output).rstrip("\n")).decode()
    first, *others = record.removesuffix("\n").split("\n")
    assert first == "0m0.0s DUMP: "
    assert all(line.startswith("  ") for line in others)


def test_records_below_the_threshold_are_left_out() -> None:
    sink = io.BytesIO()
    log = TestLog([sink], threshold=Level.WARNING, clock=lambda: 0)
    log.dump("d")
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert sink.getvalue() == b"0m0.0s WARNING: w\n0m0.0s ERROR: e\n"


def test_a_log_that_cannot_be_written_is_our_trouble() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(FarmError, match="No space left"):
        TestLog([Full()]).info("x")


@given(st.text())
def test_a_name_stays_on_its_line(name: str) -> None:
    assert "\n" not in one_line(name)
    assert len(one_line(name).splitlines()) <= 1
    assert (one_line(name) == name) is name.isprintable()


def test_a_name_with_odd_characters_can_still_be_told_from_others() -> None:
    assert one_line("/a\nb\r\x1b\x85\u2028\udcff") == "/a\\nb\\r\\x1b\\x85\\u2028\udcff"
    assert one_line("/größe") == "/größe"


def test_a_carriage_return_in_a_record_does_not_end_its_line() -> None:
    assert render(0, Level.INFO, "a\rTraceback") == b"0m0.0s INFO: a\\rTraceback\n"
