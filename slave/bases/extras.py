"""What a base gets beside the packages of its source: debfoster takes some away, others are added."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from piufarm.slave.bases.commands import run_in_base
from piufarm.slave.bases.request import BaseRequest
from piufarm.slave.chroot.interface import CommandResult
from piufarm.slave.chroot.supervisor import Supervisor
from piufarm.slave.network.access import NetworkAccess

# Of what debfoster takes for superfluous, apt has some for as good as essential: e2fsprogs in bookworm.
_REMOVE: Final = "apt-get --purge --allow-remove-essential remove"
_KEEPERS: Final = "/var/lib/debfoster/keepers"


def add_extras(
    supervisor: Supervisor, request: BaseRequest, network: NetworkAccess, progress: Callable[[str], None]
) -> list[CommandResult]:
    """Do what the request asks for; returns what was run. Raises FarmError."""
    done: list[CommandResult] = []
    if request.debfoster is not None:
        progress("debfoster")
        done += _minimise(supervisor, request.debfoster, network)
    if request.packages:
        progress(f"apt-get install {' '.join(request.packages)}")
        release = ["-t", request.target_release] if request.target_release else []
        done.append(run_in_base(supervisor, ["apt-get", "-y", *release, "install", *request.packages], network))
    return done


def _minimise(supervisor: Supervisor, options: tuple[str, ...], network: NetworkAccess) -> list[CommandResult]:
    """Let debfoster remove what is superfluous, and then itself."""
    done = [
        run_in_base(supervisor, ["apt-get", "-y", "install", "debfoster"], network),
        run_in_base(supervisor, ["debfoster", "-o", f"RemoveCmd={_REMOVE}", *options]),
        run_in_base(supervisor, ["dpkg", "--purge", "debfoster"]),
    ]
    supervisor.remove(_KEEPERS)
    return done
