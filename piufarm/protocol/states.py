"""Every state of a session and every step between them; nothing here knows bytes.

Rules: both ends walk through the same table, so they cannot disagree; in each state one side alone speaks; whatever is
not in the table is a protocol error. `FAILED` is entered by such an error and never left. What needs a feature
(`features.py`) is besides an unknown command until the master has said that it has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from piufarm.protocol.messages import (
    BodyChunk,
    BodyEnd,
    Busy,
    EndOfSession,
    Error,
    Features,
    Hello,
    Idle,
    Lease,
    Message,
    Ok,
    QueryDepcycle,
    QueryDepends,
    QueryList,
    QueryRecursiveDepends,
    QueryState,
    Recycle,
    Renew,
    Reserve,
    Result,
    SelectSection,
    Status,
    Trouble,
    Unreserve,
    Why,
)


class Role(Enum):
    """The two ends of a session."""

    MASTER = "master"
    SLAVE = "slave"


class State(Enum):
    """Where a session stands; `…_ASKED` and `…_SENT` wait for the master's reply."""

    GREETING = "greeting"
    NO_SECTION = "no section"
    READY = "ready"
    BODY = "body"
    SECTION_ASKED = "section asked"
    RECYCLE_ASKED = "recycle asked"
    IDLE_ASKED = "idle asked"
    OFFER_ASKED = "offer asked"
    UNRESERVE_SENT = "unreserve sent"
    RESULT_SENT = "result sent"
    STATUS_ASKED = "status asked"
    STATE_ASKED = "state asked"
    NAMES_ASKED = "names asked"
    FEATURES_ASKED = "features asked"
    LEASE_ASKED = "lease asked"
    RENEW_SENT = "renew sent"
    WHY_ASKED = "why asked"
    CLOSED = "closed"
    FAILED = "failed"


MASTER_SPEAKS: Final = frozenset(
    {
        State.GREETING,
        State.SECTION_ASKED,
        State.RECYCLE_ASKED,
        State.IDLE_ASKED,
        State.OFFER_ASKED,
        State.UNRESERVE_SENT,
        State.RESULT_SENT,
        State.STATUS_ASKED,
        State.STATE_ASKED,
        State.NAMES_ASKED,
        State.FEATURES_ASKED,
        State.LEASE_ASKED,
        State.RENEW_SENT,
        State.WHY_ASKED,
    }
)
SLAVE_SPEAKS: Final = frozenset({State.NO_SECTION, State.READY, State.BODY})
FINAL: Final = frozenset({State.CLOSED, State.FAILED})

NEXT: Final[Mapping[tuple[State, type[Message]], State]] = MappingProxyType(
    {
        (State.GREETING, Hello): State.NO_SECTION,
        (State.NO_SECTION, SelectSection): State.SECTION_ASKED,
        (State.NO_SECTION, EndOfSession): State.CLOSED,
        (State.SECTION_ASKED, Ok): State.READY,
        (State.SECTION_ASKED, Error): State.NO_SECTION,
        (State.SECTION_ASKED, Busy): State.NO_SECTION,
        (State.READY, SelectSection): State.SECTION_ASKED,
        (State.READY, Recycle): State.RECYCLE_ASKED,
        (State.READY, Idle): State.IDLE_ASKED,
        (State.READY, Reserve): State.OFFER_ASKED,
        (State.READY, Unreserve): State.UNRESERVE_SENT,
        (State.READY, Result): State.BODY,
        (State.READY, Status): State.STATUS_ASKED,
        (State.READY, QueryState): State.STATE_ASKED,
        (State.READY, QueryDepends): State.NAMES_ASKED,
        (State.READY, QueryRecursiveDepends): State.NAMES_ASKED,
        (State.READY, QueryDepcycle): State.NAMES_ASKED,
        (State.READY, QueryList): State.NAMES_ASKED,
        (State.READY, Features): State.FEATURES_ASKED,
        (State.READY, Lease): State.LEASE_ASKED,
        (State.READY, Renew): State.RENEW_SENT,
        (State.READY, Trouble): State.BODY,
        (State.READY, Why): State.WHY_ASKED,
        (State.READY, EndOfSession): State.CLOSED,
        (State.BODY, BodyChunk): State.BODY,
        (State.BODY, BodyEnd): State.RESULT_SENT,
        (State.RECYCLE_ASKED, Ok): State.READY,
        (State.RECYCLE_ASKED, Error): State.READY,
        (State.IDLE_ASKED, Ok): State.READY,
        (State.OFFER_ASKED, Ok): State.READY,
        (State.OFFER_ASKED, Error): State.READY,
        (State.UNRESERVE_SENT, Ok): State.READY,
        (State.RESULT_SENT, Ok): State.READY,
        (State.STATUS_ASKED, Ok): State.READY,
        (State.STATE_ASKED, Ok): State.READY,
        (State.STATE_ASKED, Error): State.READY,
        (State.NAMES_ASKED, Ok): State.READY,
        (State.NAMES_ASKED, Error): State.READY,
        (State.FEATURES_ASKED, Ok): State.READY,
        (State.LEASE_ASKED, Ok): State.READY,
        (State.LEASE_ASKED, Error): State.READY,
        (State.RENEW_SENT, Ok): State.READY,
        (State.WHY_ASKED, Ok): State.READY,
        (State.WHY_ASKED, Error): State.READY,
    }
)


def speaker(state: State) -> Role | None:
    """Who speaks in this state; None when the session is over."""
    if state in MASTER_SPEAKS:
        return Role.MASTER
    return Role.SLAVE if state in SLAVE_SPEAKS else None
