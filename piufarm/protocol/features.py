"""What a master may understand beyond the plain protocol; `wire.py` knows which requests need which of it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from piufarm.protocol.messages import Ok


class Feature(StrEnum):
    """A word of the reply to `features`, in the order in which a master says them."""

    LEASE = "lease"
    TROUBLE = "trouble"
    ZSTD = "zstd"
    WHY = "why"


NO_FEATURES: Final[frozenset[Feature]] = frozenset()


def features_reply(offered: Iterable[Feature]) -> Ok:
    """What a master that has these features answers to `features`."""
    return Ok(tuple(feature for feature in Feature if feature in offered))


def features_in(reply: Ok) -> frozenset[Feature]:
    """The features that a reply names; words that we do not know are those of a newer master."""
    return frozenset(feature for feature in Feature if feature in reply.words)
