"""What a person may want to see of a root before it goes: a shell in it, or a copy to keep."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from piufarm.errors import FarmError
from piufarm.outcome import Outcome
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import Chroot, Refused
from piufarm.slave.chroot.terminal import Terminal
from piufarm.slave.tester.command_line.options import OutputOptions
from piufarm.slave.tester.kept.root import keep
from piufarm.slave.tester.output.log import TestLog

SHELL: Final = ("/bin/sh", "-c", "command -v bash > /dev/null && exec bash --login; exec sh")


class _Conversing(Protocol):
    """Where a person can talk to a command: a chroot, or its supervisor."""

    def converse(self, argv: Sequence[str], *, env: Mapping[str, str], terminal: Terminal) -> None: ...


class Inspection:
    """Looks at each root when its test is over, as the options say."""

    def __init__(
        self, options: OutputOptions, tmpdir: Path, log: TestLog, aside: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """`aside`: while somebody else has the terminal."""
        self._options = options
        self._tmpdir = tmpdir
        self._log = log
        self._aside = aside
        self.kept: list[Path] = []

    def look(self, chroot: Chroot, outcome: Outcome | None) -> None:
        """Nothing that goes wrong here changes what the test has found."""
        if self._options.shell_on_error and outcome is Outcome.FAIL:
            self._offer_shell(chroot)
        if self._options.keep_env:
            self._log.step("keep the root")
            self._keep(chroot)

    def _keep(self, chroot: Chroot) -> None:
        try:
            place = keep(chroot, self._tmpdir)
        except FarmError as error:
            self._log.warning(f"The root could not be kept: {error.message}")
            return
        self.kept.append(place)
        self._log.info(
            f"Kept a copy of the root: {place}/root\n"
            f"Look into it with `piufarm kept enter {place}`, remove it with `piufarm kept remove {place}`"
        )

    def _offer_shell(self, chroot: Chroot) -> None:
        if not Terminal.is_there():
            self._log.warning("No shell: standard input and output are no terminal.")
            return
        with self._aside():
            talk(chroot, "The packages failed. This is a shell in their root, which goes when you leave.")


def talk(chroot: _Conversing, greeting: str) -> None:
    """Run a shell in a chroot until it is left."""
    print(f"{greeting}\nType `exit` or press ^D to leave it.", flush=True)
    try:
        chroot.converse(SHELL, env={**CHROOT_ENVIRONMENT, "TERM": os.environ.get("TERM", "linux")}, terminal=Terminal())
    except Refused as error:
        print(f"No shell: {error}", flush=True)
