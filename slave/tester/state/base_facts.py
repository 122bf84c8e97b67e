"""What the checks need to know about the base: computed beside the running apt, on the other core."""

from __future__ import annotations

from contextlib import suppress
from threading import Thread

from piufarm.errors import FarmError
from piufarm.slave.chroot.interface import Base
from piufarm.slave.tester.state.diversions import DIVERSIONS, parse_diversions
from piufarm.slave.tester.state.identities import Identities
from piufarm.slave.tester.state.links import LinkIndex
from piufarm.slave.tester.state.owners import FileLists, read_base_file
from piufarm.slave.tester.state.packages import STATUS, InstalledPackage, parse_remains
from piufarm.slave.tester.state.reference import Facts
from piufarm.slave.tester.state.tree import Tree


class BaseFacts:
    """Facts about a base. Attributes are complete once `wait` has returned."""

    facts: Facts
    links: LinkIndex

    def __init__(self, base: Base) -> None:
        self._base = base
        self._is_complete = False
        self._worker = Thread(target=self._try_to_collect, name="base-facts", daemon=True)
        self._worker.start()

    def wait(self) -> BaseFacts:
        """Everything collected. Raises FarmError if the base cannot be read."""
        self._worker.join()
        if not self._is_complete:
            self._collect()  # it failed in the thread: once more, where the error is heard
        return self

    def _try_to_collect(self) -> None:
        with suppress(FarmError):
            self._collect()

    def _collect(self) -> None:
        self.facts = Facts(
            packages={
                **{name: InstalledPackage.of_base(name, version) for name, version in self._base.packages.items()},
                **parse_remains(self._content(STATUS)),
            },
            lists=FileLists.of_base(self._base.root),
            diversions=parse_diversions(self._content(DIVERSIONS)),
            identities=Identities.parse(self._content("/etc/passwd"), self._content("/etc/group")),
        )
        self.links = LinkIndex(Tree(self._base.tree))
        self._is_complete = True

    def _content(self, path: str) -> bytes | None:
        return read_base_file(self._base.root, path) if path in self._base.tree else None
