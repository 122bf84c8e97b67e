"""Values of options that are one of a few words."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

_Word = TypeVar("_Word", bound=StrEnum)


def one_of(words: Sequence[_Word]) -> Callable[[str], _Word]:
    """What turns such a value into its word, or says which there are."""

    def parse(text: str) -> _Word:
        for word in words:
            if text == word:
                return word
        raise argparse.ArgumentTypeError(f"expected {' or '.join(words)}, not {text!r}")

    return parse


def listed(words: Sequence[StrEnum]) -> str:
    """The words as the help shows them."""
    return "|".join(words)
