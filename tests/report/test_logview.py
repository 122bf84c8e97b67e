"""Logs on their pages: harmless, bounded, with the errors found."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from piufarm.report import logview
from piufarm.report.logtext import pieces_of, visible
from piufarm.report.logview import Kind, LogView, view_log
from tests.report import logs

_FORBIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff]"
)


def _view(content: bytes) -> LogView:
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        return view_log(Path(file.name))


def _shown(view: LogView) -> str:
    return "\n".join("".join(piece.text for piece in block.pieces) for block in view.blocks)


@settings(deadline=None)
@given(st.binary(max_size=4000))
def test_any_bytes_become_harmless_text(content: bytes) -> None:
    view = _view(content)
    assert not _FORBIDDEN.search(_shown(view))
    assert view.lines == content.count(b"\n") + (0 if content.endswith(b"\n") or not content else 1)


@settings(deadline=None)
@given(st.text(max_size=500))
def test_text_is_only_cut_and_made_visible_never_lost(text: str) -> None:
    shown = "".join(piece.text for piece in pieces_of(text))
    position = 0
    for letter in text:
        form = letter if shown.startswith(letter, position) else visible(letter)
        assert shown.startswith(form, position)
        position += len(form)
    assert position == len(shown)


def test_control_bytes_are_shown_as_terminals_name_them() -> None:
    view = _view(b"\x1b[31mred\x1b[0m nul\x00 del\x7f \xff\n")
    assert _shown(view) == "^[[31mred^[[0m nul^@ del^? \\xff"
    odd = [piece.text for block in view.blocks for piece in block.pieces if piece.odd]
    assert odd == ["^[[31m", "^[[0m", "^@", "^?"]


def test_an_error_record_is_marked_with_its_details_and_ends_with_the_next_record() -> None:
    view = _view(
        b"0m1.0s DEBUG: fine\n0m4.6s ERROR: FAIL: Package purging left files on system:\n"
        b"  /etc/x\t not owned\n\n0m4.7s DEBUG: next\n  detail of that\n0m4.8s INFO: PASS: All tests.\n"
    )
    assert [(block.kind, block.line) for block in view.blocks] == [
        (Kind.PLAIN, 1), (Kind.ERROR, 2), (Kind.ERROR_DETAIL, 3), (Kind.PLAIN, 4), (Kind.SUCCESS, 7),
    ]  # fmt: skip
    assert [(error.number, error.line) for error in view.errors] == [(1, 2)]


def test_the_list_of_errors_has_the_first_files_that_each_is_about() -> None:
    files = "".join(f"  /etc/x/{number}\t not owned\n" for number in range(20))
    view = _view(f"0m4.6s ERROR: FAIL: Package purging left files on system:\n{files}\n".encode())
    (error,) = view.errors
    assert error.details == tuple(f"/etc/x/{number} not owned" for number in range(logview.DETAILS_MAX))


def test_an_error_beyond_the_listed_ones_adds_nothing_to_the_last() -> None:
    many = "0m1.0s ERROR: FAIL: Broken symlinks:\n  a\n" * (logview.ERRORS_MAX + 5)
    view = _view(many.encode())
    assert len(view.errors) == logview.ERRORS_MAX
    assert {error.details for error in view.errors} == {("a",)}


def test_what_tools_say_when_they_fail_is_an_error_too() -> None:
    view = _view(logs.failing("ab", "1"))
    texts = [error.text for error in view.errors]
    assert "E: Sub-process /usr/bin/dpkg returned an error code (1)" in texts
    assert any(text.startswith("dpkg: error processing package ab") for text in texts)
    assert any("Command failed (status=100)" in text for text in texts)
    assert not any("piuparts run ends" in text for text in texts)


def test_the_marks_of_a_slave_are_errors() -> None:
    view = _view(b" *** Process KILLED - exceed maximum run time ***\n *** PIUPARTS OUTPUT INCOMPLETE ***\n")
    assert len(view.errors) == 2


def test_why_a_test_was_not_begun_is_an_error() -> None:
    (error,) = _view(logs.untestable("gone", "1")).errors
    assert (error.line, error.text) == (2, "Package gone not found in Packages file")


def test_a_passing_log_has_no_error() -> None:
    assert _view(logs.passing("hello", "2.10-3")).errors == ()


def test_a_long_log_keeps_its_head_its_tail_and_what_is_around_the_first_error() -> None:
    view = _view(logs.long("chatty", "1", lines=9000))
    assert view.hidden > 0
    gaps = [block for block in view.blocks if block.kind is Kind.GAP]
    assert len(gaps) == 2
    (error,) = view.errors
    (marked,) = [block for block in view.blocks if block.error == 1]
    assert marked.line == error.line
    shown = _shown(view)
    assert f"Unpacking chunk {4500 - logview.BEFORE_ERROR} of" in shown
    assert f"Unpacking chunk {4500 + logview.AFTER_ERROR} of" in shown
    assert "Unpacking chunk 8999 of" in shown


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 12), st.sets(st.integers(1, 11)))
def test_shown_and_hidden_lines_add_up_wherever_errors_are(count: int, errors: set[int]) -> None:
    scale = 700
    lines = [b"0m1.0s ERROR: x" if number % scale == 0 and number // scale in errors else b"y"
             for number in range(1, count * scale + 1)]
    view = _view(b"".join(line + b"\n" for line in lines))
    numbers: list[int] = []
    hidden = 0
    for block in view.blocks:
        text = "".join(piece.text for piece in block.pieces)
        if block.kind is Kind.GAP:
            hidden += int(text.replace(",", ""))
        else:
            numbers.extend(range(block.line, block.line + text.count("\n") + 1))
    assert numbers == sorted(set(numbers))
    assert len(numbers) + hidden == view.lines == count * scale
    assert hidden == view.hidden
    assert all(number * scale in numbers for number in errors if number <= count)


def test_an_endless_line_is_cut_and_says_so() -> None:
    view = _view(b"x" * 3_000_000 + b"\nnext")
    shown = _shown(view)
    assert "line of 3,000,000 bytes, cut here" in shown
    assert shown.endswith("next")
    assert len(shown) < 2000


def test_an_empty_log_has_a_page() -> None:
    view = _view(b"")
    assert (view.lines, view.blocks, view.errors) == (0, (), ())
