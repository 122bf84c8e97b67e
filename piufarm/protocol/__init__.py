"""The line protocol between slave and master, as a state machine that never touches a file, socket or clock.

Bytes go in through `receive` and `receive_eof`, messages come out of `next_event`; `send` turns a message into bytes.
`MasterConnection` and `SlaveConnection` are the two ends; docs/protocol.md describes what they speak.
"""

from piufarm.protocol.connection import NEED_DATA, PAUSED
from piufarm.protocol.errors import LocalProtocolError, ProtocolError, RemoteProtocolError
from piufarm.protocol.features import NO_FEATURES, Feature, features_reply
from piufarm.protocol.holdings import Holdings
from piufarm.protocol.limits import DEFAULT_LIMITS, Limits
from piufarm.protocol.master_side import MasterConnection
from piufarm.protocol.slave_side import SlaveConnection

__all__ = [
    "DEFAULT_LIMITS",
    "NEED_DATA",
    "NO_FEATURES",
    "PAUSED",
    "Feature",
    "Holdings",
    "Limits",
    "LocalProtocolError",
    "MasterConnection",
    "ProtocolError",
    "RemoteProtocolError",
    "SlaveConnection",
    "features_reply",
]
