"""What `lease` and `renew` are answered: packages, and how long they are the slave's."""

from __future__ import annotations

from dataclasses import dataclass

from piufarm.names import Package, Version
from piufarm.protocol.messages import Ok


@dataclass(frozen=True)
class Holdings:
    """Packages that a slave holds, and the seconds that are left until the master gives them to others."""

    seconds: int
    packages: tuple[tuple[Package, Version], ...] = ()

    def reply(self) -> Ok:
        """As the master says it."""
        return Ok((str(self.seconds), *(word for package in self.packages for word in package)))

    @classmethod
    def of(cls, reply: Ok) -> Holdings:
        """As the slave understands it. Raises ValueError if the words are anything else, InvalidName among them."""
        seconds, *words = reply.words
        if len(words) % 2:
            raise ValueError("a package without a version")
        pairs = zip(words[::2], words[1::2], strict=True)
        return cls(int(seconds), tuple((Package(name), Version(version)) for name, version in pairs))
