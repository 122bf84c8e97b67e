"""Text that comes from anywhere, made fit for a page: what is odd in it becomes visible, the rest stays."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

# control, invisible and direction-changing characters, and what HTML forbids
_ODD_CHARACTERS: Final = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\ufffb"
    "\ufdd0-\ufdef\ufffe\uffff\ud800-\udfff\U000e0000-\U000e0fff"
) + "".join(chr(plane << 16 | 0xFFFE) + chr(plane << 16 | 0xFFFF) for plane in range(1, 17))
_ODD_CHARACTER: Final = re.compile(f"[{_ODD_CHARACTERS}]")
# a whole escape sequence, or a run of odd characters
_ODD: Final = re.compile(rf"\x1b\[[0-?]*[ -/]*[@-~]|[{_ODD_CHARACTERS}]+?(?=\x1b\[|[^{_ODD_CHARACTERS}]|\Z)")


class Piece(NamedTuple):
    """A stretch of text; `odd` if it stands for control bytes or what else must not reach a browser as it is."""

    text: str
    odd: bool


def visible(character: str) -> str:
    """A stand-in for a character that must not reach a browser: `^[` as terminals show ESC, or its number."""
    code = ord(character)
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    return f"<U+{code:04X}>"


def pieces_of(text: str) -> tuple[Piece, ...]:
    """The text, cut where something odd begins or ends."""
    if not _ODD_CHARACTER.search(text):  # nearly always, and much faster than the search for whole sequences
        return (Piece(text, False),)
    pieces: list[Piece] = []
    position = 0
    for match in _ODD.finditer(text):
        if match.start() > position:
            pieces.append(Piece(text[position : match.start()], False))
        pieces.append(Piece(harmless(match.group()), True))
        position = match.end()
    if position < len(text):
        pieces.append(Piece(text[position:], False))
    return tuple(pieces)


def harmless(text: str) -> str:
    """The text with everything odd in it made visible."""
    if text.isprintable():  # nearly always, and much faster
        return text
    return _ODD_CHARACTER.sub(lambda found: visible(found.group()), text)


def plain(text: str) -> str:
    """The text on one line and with nothing odd in it."""
    return harmless(" ".join(text.split()))
