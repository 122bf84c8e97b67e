"""`piufarm test`: tests packages in a throw-away chroot, with the predecessor's command line and log."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from typing import Final

from piufarm import __version__
from piufarm.errors import FarmError, PiufarmError, Unforeseen, UsageError, trouble_kind
from piufarm.outcome import Outcome
from piufarm.slave.chroot.own_range import own_range
from piufarm.slave.tester.command_line import arguments as command_line
from piufarm.slave.tester.command_line.options import Options
from piufarm.slave.tester.command_line.parse import parse_options
from piufarm.slave.tester.inspection import Inspection
from piufarm.slave.tester.output.log import TestLog
from piufarm.slave.tester.output.reproduce import reproduction
from piufarm.slave.tester.output.result import RunResult
from piufarm.slave.tester.output.sinks import Output, opened_output
from piufarm.slave.tester.runner import Runner
from piufarm.trouble import TroubleKind

_STATUS: Final = {Outcome.PASS: 0, Outcome.FAIL: 1, Outcome.UNTESTABLE: 1}
_INTERRUPTED: Final = 128 + signal.SIGINT


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of the predecessor and our own."""
    command_line.configure(parser)


def main(arguments: argparse.Namespace) -> int:
    """Run the tests: 0 for a pass, 1 for a fail, 130 for an interrupt; errors of use and of the farm are raised."""
    options = parse_options(arguments, sys.argv[1:])
    if options.root.schroot is None:
        _require_rights()
    if os.geteuid() != 0 and options.output.keep_env:
        raise UsageError("keeping a root needs root", hint="--shell-on-error shows it before it goes")
    with opened_output(options) as output:
        return _run(options, output)


def _require_rights() -> None:
    """To make roots one has to be root, or to have ids of one's own."""
    try:
        own_range()
    except FarmError as error:
        raise UsageError(error.message, hint=error.hint) from error


def _run(options: Options, output: Output) -> int:
    log = output.log
    result = RunResult(reproduce=reproduction(options, {}))
    inspection = Inspection(options.output, options.tmpdir, log, output.aside)
    _announce(options, log)
    try:
        with output.following(), Unforeseen(log.error):
            outcome = Runner(options, log, result, inspection.look).run()
    except KeyboardInterrupt:
        log.error("Interrupted, the test was aborted.")
        result.trouble, result.trouble_kind = "interrupted", TroubleKind.KILLED
        return _INTERRUPTED
    except SystemExit:
        result.trouble, result.trouble_kind = "terminated", TroubleKind.KILLED
        raise
    except (PiufarmError, OSError) as error:
        result.trouble, result.trouble_kind = str(error), trouble_kind(error)
        kind = "the command line is wrong" if isinstance(error, UsageError) else "the farm is in trouble"
        log.error(f"Not tested, {kind}: {error}")
        raise
    finally:
        result.reproduce = reproduction(options, result.versions)
        result.kept = [str(place) for place in inspection.kept]
        if options.output.result is not None:
            result.write(options.output.result)
        output.end(result)
    return _STATUS[outcome]


def _announce(options: Options, log: TestLog) -> None:
    system = os.uname()
    log.info(f"piufarm version {__version__} starting up.")
    log.info(f"Command line arguments: {shlex.join(['piufarm', *options.words])}")
    log.info(f"Running on: {system.sysname} {system.nodename} {system.release} {system.version} {system.machine}")
