"""`piufarm master session`: speak the protocol on stdin and stdout, as the forced command of a slave's key."""

from __future__ import annotations

import argparse
import sys
import time

from piufarm.config.command import add_config_option
from piufarm.config.load import load
from piufarm.errors import PiufarmError
from piufarm.master.session.channel import Channel, Patience
from piufarm.master.session.complaints import Complaints
from piufarm.master.session.session import Session, Visitor, offered_to
from piufarm.protocol import MasterConnection


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--slave", metavar="NAME", help="who is at the other end; reservations and results bear the name"
    )
    parser.add_argument(
        "--sections", metavar="GLOB", nargs="+", default=[], help="sections that this slave may work for (default: all)"
    )
    add_config_option(parser)


def main(arguments: argparse.Namespace) -> int:
    """Serve one slave; 1 if the session ended for a reason that an administrator should read."""
    complaints = Complaints(arguments.slave)
    try:
        configuration = load(arguments.config)
        complaints.also_into(configuration.farm.master_directory / configuration.farm.log_file)
        channel = Channel(
            sys.stdin.fileno(),
            sys.stdout.fileno(),
            connection=MasterConnection(),
            patience=Patience(),
            clock=time.monotonic,
        )
        visitor = Visitor(arguments.slave, arguments.sections)
        Session(configuration, visitor, channel, warn=complaints.take, offered=offered_to(visitor)).run()
    except PiufarmError as error:
        complaints.take_error(error)
        return 1
    except OSError as error:
        complaints.take(f"{error.filename or 'session'}: {error.strerror}")
        return 1
    return 0
