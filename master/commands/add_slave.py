"""`piufarm master add-slave`: let a slave's key in, for sessions under its name and nothing else."""

from __future__ import annotations

import argparse
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import piufarm
from piufarm.config.command import add_config_option
from piufarm.config.load import config_path, load
from piufarm.master.authorized_keys import Grant, check_name, grant, read_key

_INSTALLED = Path("/usr/bin/piufarm")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("name", metavar="NAME", help="what the slave is called here; it owns what it reserves")
    parser.add_argument("key", metavar="KEY.pub", type=Path, help="its public key")
    parser.add_argument(
        "--authorized-keys",
        metavar="FILE",
        type=Path,
        default=Path.home() / ".ssh" / "authorized_keys",
        help="default: %(default)s",
    )
    parser.add_argument("--sections", metavar="GLOB", nargs="+", help="sections that it may work for (default: all)")
    parser.add_argument("--replace", action="store_true", help="take the place of an older key or command of this name")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Write the line and say what it lets in."""
    configuration = load(arguments.config)  # a slave let in to a broken configuration would only see sessions end
    config = config_path(arguments.config)
    key = read_key(arguments.key)
    wanted = Grant(check_name(arguments.name), key, _session(arguments, config))
    replaced = grant(arguments.authorized_keys, wanted, replace=arguments.replace)
    print(f"{wanted.slave} may log in{' with its new key' if replaced else ''}: {key.type} {key.fingerprint}")
    print(f"  {arguments.authorized_keys}: {wanted.line()}")
    for glob in arguments.sections or ():
        if not any(fnmatchcase(name, glob) for name in configuration.sections):
            print(f"  no section of {configuration.path} is called {glob} yet", file=sys.stderr)
    return 0


def _session(arguments: argparse.Namespace, config: Path) -> list[str | Path]:
    sections = ["--sections", *arguments.sections] if arguments.sections else []
    return [*_program(), "master", "session", "--slave", arguments.name, *sections, "--config", config]


def _program() -> list[str | Path]:
    """How sshd starts us: as installed, or out of a clone."""
    script = Path(piufarm.__file__).resolve().parent.parent / "bin" / "piufarm"
    if script.exists():
        return [sys.executable, script]
    return [_INSTALLED]
