"""Sessions with masters: one at a time, shared by all sections, opened when needed and closed before tests."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from piufarm.errors import FarmError
from piufarm.names import SectionName
from piufarm.slave.link.backoff import Backoff
from piufarm.slave.link.connection import HungUp, MasterSession, Wire
from piufarm.slave.link.dialects import Dialect, Dialects
from piufarm.slave.link.route import Target
from piufarm.slave.link.ssh import TurnedAway

_TURNED_AWAY_SECONDS: Final = (1.0, 4.0, 10.0)  # at most, before each further try at a door with a crowd before it


class NotYet(FarmError):
    """The last attempts to reach the master failed; it is too early for another one."""

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


@dataclass
class _Attempts:
    """How the attempts to reach one master went."""

    backoff: Backoff
    not_before: float = 0.0


@dataclass
class Masters:
    """The shared session; the last three arguments are for tests to choose."""

    connect: Callable[[Target], Wire]
    dialects: Dialects
    announce: Callable[[str], None] = lambda _: None
    random_source: random.Random = field(default_factory=random.Random)
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _target: Target | None = None
    _session: MasterSession | None = None
    _knows_features: bool = False  # whether the shared session has been asked, or must not be
    _attempts: dict[Target, _Attempts] = field(default_factory=dict)

    def session(self, target: Target, section: SectionName) -> MasterSession:
        """An open session with this master, in this section, with its features known.

        Raises FarmError; after a failure to connect NotYet, for longer each time.
        """
        session = self._shared(target)
        session.select(section)
        if not self._knows_features and self._hangs_up_on_features(target, session):
            self.close()
            session = self._shared(target)
            session.select(section)
        self._knows_features = True
        return session

    def another_session(self, target: Target, section: SectionName) -> MasterSession:
        """A session beside the shared one, with a master that has features; the caller closes it. Raises FarmError."""
        session = self._open(target)
        try:
            session.select(section)
            session.ask_features()
        except BaseException:
            session.close()
            raise
        return session

    def close(self) -> None:
        """Hang up; it is always safe."""
        session, self._session = self._session, None
        if session is not None:
            session.close()

    def _shared(self, target: Target) -> MasterSession:
        if self._session is not None and self._target == target:
            return self._session
        self.close()
        attempts = self._attempts.setdefault(target, _Attempts(Backoff(self.random_source)))
        left = attempts.not_before - self.clock()
        if left > 0:
            raise NotYet(f"{target.host} could not be reached; next attempt in {left:.0f} s", left)
        try:
            self.announce(f"connecting to {target.host}")
            self._session = self._open(target)
        except FarmError:
            attempts.not_before = self.clock() + attempts.backoff.failed()
            raise
        attempts.backoff.succeeded()
        self._target = target
        self._knows_features = False
        return self._session

    def _open(self, target: Target) -> MasterSession:
        wire = self._connect_patiently(target)
        try:
            return MasterSession(wire)
        except BaseException:
            wire.close()
            raise

    def _connect_patiently(self, target: Target) -> Wire:
        """Connect; where a crowd is before the door, try again soon, but not all at the same moment."""
        for seconds in _TURNED_AWAY_SECONDS:
            try:
                return self.connect(target)
            except TurnedAway:
                self.pause(self.random_source.uniform(seconds / 4, seconds))
        return self.connect(target)

    def _hangs_up_on_features(self, target: Target, session: MasterSession) -> bool:
        """Ask for features, unless the master is known to hang up then; whether it did so just now."""
        known = self.dialects.recall(target)
        if known is None:
            with self.dialects.finding_out(target):
                known = self.dialects.recall(target)  # another slave may have asked just now
                if known is None:
                    return self._finds_it_plain(target, session)
        if known is Dialect.FEATURES:
            try:
                session.ask_features()
            except HungUp:
                self.dialects.forget(target)  # the next connection finds out what has become of it
                raise
        return False

    def _finds_it_plain(self, target: Target, session: MasterSession) -> bool:
        try:
            session.ask_features()
        except HungUp:
            self.dialects.remember(target, Dialect.PLAIN)
            return True
        self.dialects.remember(target, Dialect.FEATURES)
        return False
