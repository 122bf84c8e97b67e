"""`piufarm slave trust`: first contact with a master, by a person who compares the fingerprint."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.config.model import Configuration
from piufarm.errors import FarmError, UsageError
from piufarm.slave.link.known_hosts import FILE_NAME, add_known_host, fingerprint, trusted_keys
from piufarm.slave.link.route import Route, find_route
from piufarm.slave.link.ssh import fetch_host_key


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of the command."""
    parser.epilog = (
        "Compare the fingerprint with what `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints on the master. "
        f"The key is kept in <slave-directory>/{FILE_NAME}; ssh's own files of known hosts count as well."
    )
    parser.add_argument("host", nargs="?", metavar="HOST", help="the master (default: the configured ones)")
    parser.add_argument("--port", type=int, metavar="PORT", help="its SSH port (default: as ssh's configuration says)")
    agree = parser.add_mutually_exclusive_group()
    agree.add_argument("--yes", action="store_true", help="trust whatever key it shows (only on a network you trust)")
    agree.add_argument("--fingerprint", metavar="SHA256:…", help="trust the key if it has this fingerprint, do not ask")
    parser.add_argument("--known-hosts", type=Path, metavar="FILE", help="write to this file instead")
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Exit status 0: trusted now (or before); 1: not agreed."""
    configuration = load(arguments.config) if arguments.host is None or arguments.known_hosts is None else None
    path: Path = arguments.known_hosts or _default_file(configuration)
    status = 0
    for host in [arguments.host] if arguments.host else _masters(configuration):
        route = find_route(host, user=None, extra_known_hosts=path, port=arguments.port)
        status = max(status, _trust(route, path, arguments))
    return status


def _default_file(configuration: Configuration | None) -> Path:
    assert configuration is not None
    return configuration.farm.slave_directory / FILE_NAME


def _masters(configuration: Configuration | None) -> list[str]:
    assert configuration is not None
    hosts = sorted({section.master_host for section in configuration.sections.values() if section.master_host})
    if not hosts:
        raise UsageError(f"{configuration.path} names no master-host", hint="give the HOST on the command line")
    return hosts


def _trust(route: Route, path: Path, arguments: argparse.Namespace) -> int:
    key = fetch_host_key(route, path)
    shown = fingerprint(key)
    print(f"{route.known_hosts_name} shows the {key.get_name()} key {shown}")
    known = trusted_keys(route.known_hosts, route.known_hosts_name)
    if key in known:
        print("  it is known already")
        return 0
    if other := [fingerprint(candidate) for candidate in known if candidate.get_name() == key.get_name()]:
        raise FarmError(
            f"another key is known for {route.known_hosts_name}: {', '.join(other)}",
            hint="somebody may sit in between; if the host has a new key, remove the old one with ssh-keygen -R",
        )
    if not _agreed(shown, arguments):
        print("  not trusted", file=sys.stderr)
        return 1
    add_known_host(path, route.known_hosts_name, key)
    print(f"  trusted from now on ({path})")
    return 0


def _agreed(shown: str, arguments: argparse.Namespace) -> bool:
    if arguments.fingerprint is not None:
        wanted = str(arguments.fingerprint).rstrip("=")
        if wanted != shown:
            print(f"  expected {wanted}", file=sys.stderr)
        return wanted == shown
    if arguments.yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask whether this is the right key", hint="use --fingerprint SHA256:… or --yes")
    return input("  Is this the master's key? [y/N] ").strip().lower() in ("y", "yes")
