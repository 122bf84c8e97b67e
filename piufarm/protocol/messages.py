"""What the two ends say to each other, as frozen values shared by both.

The slave sends requests, the master one reply to each. A `Result` or `Trouble` is followed by its log: any number of
`BodyChunk`, then `BodyEnd`; the reply comes after that. A log is empty or ends in LF. With `compressed_bytes`, a slave
sends the pieces of one zstd frame of that length; what comes out at the master is the log itself.
"""

from __future__ import annotations

from dataclasses import dataclass

from piufarm.names import InvalidName, Package, SectionName, Version
from piufarm.outcome import Outcome
from piufarm.trouble import TroubleKind


@dataclass(frozen=True)
class SelectSection:
    """`section X`. The word is as sent: one that is no legal name is an unknown section, not a broken session."""

    section: str

    @property
    def name(self) -> SectionName | None:
        """The section's name, or None if there cannot be such a section."""
        try:
            return SectionName(self.section)
        except InvalidName:
            return None


@dataclass(frozen=True)
class Recycle:
    """`recycle`: hand out packages whose logs are queued for a retest."""


@dataclass(frozen=True)
class Idle:
    """`idle`: how many seconds until asking again is worth it?"""


@dataclass(frozen=True)
class Reserve:
    """`reserve`: give me a package to test."""


@dataclass(frozen=True)
class Unreserve:
    """`unreserve PKG VERSION`: I cannot test this one."""

    package: Package
    version: Version


@dataclass(frozen=True)
class Result:
    """`pass|fail|untestable PKG VERSION [zstd N]`: the head of a result; its log follows."""

    outcome: Outcome
    package: Package
    version: Version
    compressed_bytes: int | None = None


@dataclass(frozen=True)
class BodyChunk:
    """A piece of a log, cut anywhere; never empty when it comes out of a connection."""

    data: bytes


@dataclass(frozen=True)
class BodyEnd:
    """The log was received whole."""


@dataclass(frozen=True)
class Status:
    """`status`: how many packages are in which state?"""


@dataclass(frozen=True)
class QueryState:
    """`_state PKG`."""

    package: Package


@dataclass(frozen=True)
class QueryDepends:
    """`_depends PKG`: its dependencies, of alternatives the chosen one."""

    package: Package


@dataclass(frozen=True)
class QueryRecursiveDepends:
    """`_recursive-depends PKG`: everything it needs, breadth first."""

    package: Package


@dataclass(frozen=True)
class QueryDepcycle:
    """`_depcycle PKG`: the members of its dependency cycle."""

    package: Package


@dataclass(frozen=True)
class QueryList:
    """`_list STATE`: the packages in a state; the word is as sent."""

    state: str


@dataclass(frozen=True)
class Features:
    """`features`: what do you understand beyond the plain protocol?"""


@dataclass(frozen=True)
class Lease:
    """`lease N`: give me up to N packages at once, for as long as you say."""

    count: int


@dataclass(frozen=True)
class Renew:
    """`renew`: I still work on what I hold in this section."""


@dataclass(frozen=True)
class Trouble:
    """`trouble PKG VERSION KIND [zstd N]`: its test said nothing about the package; the evidence follows as a log."""

    package: Package
    version: Version
    kind: TroubleKind
    compressed_bytes: int | None = None


@dataclass(frozen=True)
class Why:
    """`why PKG`: what does it wait for?"""

    package: Package


@dataclass(frozen=True)
class EndOfSession:
    """The peer is done (end of file, or a blank line from a slave); a slave also sends it: then it hangs up."""


@dataclass(frozen=True)
class Hello:
    """The greeting; the master speaks first."""


@dataclass(frozen=True)
class Ok:
    """`ok`, with the words that the request asks for."""

    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class Error:
    """`error`: the request was understood and the answer is no."""


@dataclass(frozen=True)
class Busy:
    """`busy`: the section is under maintenance, come back later."""


Request = (
    SelectSection
    | Recycle
    | Idle
    | Reserve
    | Unreserve
    | Result
    | Status
    | QueryState
    | QueryDepends
    | QueryRecursiveDepends
    | QueryDepcycle
    | QueryList
    | Features
    | Lease
    | Renew
    | Trouble
    | Why
)
SlaveMessage = Request | BodyChunk | BodyEnd | EndOfSession
Reply = Ok | Error | Busy
MasterMessage = Hello | Reply
Message = SlaveMessage | MasterMessage
