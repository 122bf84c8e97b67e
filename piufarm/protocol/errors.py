"""Whose fault it was: the peer's (say so and end the session) or our own (a bug: let it fly)."""

from __future__ import annotations

from piufarm.errors import FarmError


class ProtocolError(Exception):
    """Base of both; after one, the connection that raised it is of no more use."""


class RemoteProtocolError(ProtocolError, FarmError):
    """The peer said something that the protocol does not allow, or stopped in the middle."""


class LocalProtocolError(ProtocolError):
    """Our own program wants to say something that the protocol does not allow now."""
