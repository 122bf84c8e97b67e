"""Defaults that depend on the host, the account or other keys; texts as they could stand in the file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

from piufarm.config.model import ChrootBackend

_APT_FALSE: Final = ("no", "false", "without", "off", "disable", "0")
_KNOWN_PROBLEMS_INSTALLED: Final = Path("/usr/share/piufarm/known_problems")


@dataclass(frozen=True)
class Surroundings:
    """What a computed default may look at, besides the host."""

    home: Path
    cwd: Path
    is_root: bool
    section: str = "global"
    master_directory: Path = Path("/")
    slave_directory: Path = Path("/")


def here() -> Surroundings:
    """The surroundings of this process."""
    cwd = Path.cwd()
    try:
        home = Path.home()
    except RuntimeError:  # an account without home, as in a container
        home = cwd
    return Surroundings(home=home, cwd=cwd, is_root=os.geteuid() == 0)


def host_apt_setting(name: str) -> str:
    """A value of the host's apt configuration, empty if it is not set."""
    import apt_pkg  # only for those who ask: most sessions need not load it

    if not apt_pkg.config.exists("Dir"):
        apt_pkg.init_config()
    return str(apt_pkg.config.find(name))


def state(surroundings: Surroundings) -> str:
    """SQLite in the master's directory."""
    return f"sqlite://{quote(str(surroundings.master_directory))}/piufarm.sqlite"


def slave_directory(surroundings: Surroundings) -> str:
    """Slaves have always worked in the directory that they are started in."""
    return str(surroundings.cwd)


def known_problem_directory(surroundings: Surroundings) -> str:
    """Beside the program in a clone, else where the package installs it."""
    del surroundings
    clone = Path(__file__).resolve().parents[2] / "known_problems"
    return str(clone if clone.is_dir() else _KNOWN_PROBLEMS_INSTALLED)


def native_architecture(surroundings: Surroundings) -> str:
    """The host's architecture; apt knows dpkg's answer without starting it."""
    del surroundings
    return host_apt_setting("APT::Architecture")


def check_valid_until(surroundings: Surroundings) -> str:
    """What the host's apt does: mirrors of snapshots switch the check off."""
    del surroundings
    return "no" if host_apt_setting("Acquire::Check-Valid-Until").lower() in _APT_FALSE else "yes"


def chroot_backend(surroundings: Surroundings) -> str:
    """Mounting an overlay needs root; schroot does it for everybody else."""
    return str(ChrootBackend.OVERLAY if surroundings.is_root else ChrootBackend.SCHROOT)
