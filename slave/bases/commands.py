"""Commands in a base that is being prepared: whatever goes wrong with them is the farm's trouble."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from piufarm.errors import FarmError
from piufarm.slave.chroot.environment import CHROOT_ENVIRONMENT
from piufarm.slave.chroot.interface import CommandLimits, CommandResult
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.network.access import NetworkAccess
from piufarm.slave.network.debs import forget_what_apt_refused

_OUTPUT_BYTES: Final = 64 << 20
_OUTPUT_IN_ERROR: Final = 2000
_SECONDS: Final = 3600


def run_in_base(
    supervisor: Supervisor, argv: Sequence[str], network: NetworkAccess | None = None
) -> CommandResult:
    """Run a command, with `network` one that may fetch. Raises FarmError if it fails."""
    limits = CommandLimits(seconds=_SECONDS, output_bytes=_OUTPUT_BYTES)
    result = supervisor.run(argv, env=CHROOT_ENVIRONMENT, limits=limits, network=network is not None)
    if result.status != 0:
        if network is not None:
            forget_what_apt_refused(result.output.decode("utf-8", "backslashreplace"), network)
        output = result.output[-_OUTPUT_IN_ERROR:].decode("utf-8", "backslashreplace").strip()
        raise FarmError(
            f"`{' '.join(argv)}` failed in the base image with status {result.status}:\n{output}",
            hint="check the mirror, and that the base image is sound",
        )
    return result
