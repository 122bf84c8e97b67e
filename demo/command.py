"""`bin/demo`: a whole farm in one folder, from nothing to a site that shows what it found."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from demo.choice import DEFAULT_COUNT
from demo.display import Display
from demo.farm import DemoFarm, Wish
from demo.folder import Folder
from demo.site import serve_site
from piufarm.errors import PiufarmError

_CLONE = Path(__file__).resolve().parent.parent


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bin/demo",
        description="Run a whole farm in one folder: a master behind an SSH server of its own, a slave that logs in "
        "and tests real packages and a few that are broken on purpose, and the site. The host's own sshd, "
        "piuparts and apt configuration are not touched; removing the folder removes everything.",
        epilog="Ctrl-C stops it at any moment; the next run goes on. When all is tested, the next run tests it again.",
    )
    parser.add_argument("--folder", type=Path, default=_CLONE / "demo-farm", metavar="DIR", help="where the farm lives "
                        "(default: demo-farm in the clone)")
    parser.add_argument("--suite", metavar="NAME", help="suite to test packages of (default: the host's own)")
    parser.add_argument("--count", type=_positive, default=DEFAULT_COUNT, metavar="N",
                        help=f"how many real packages to test (default: {DEFAULT_COUNT})")
    parser.add_argument("--packages", type=_names, default=(), metavar="A,B,…", help="test these real packages instead")
    parser.add_argument("--serve", action="store_true", help="at the end, serve the site on loopback until Ctrl-C")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _names(text: str) -> Sequence[str]:
    return [name for name in text.replace(",", " ").split() if name]


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def main(words: Sequence[str] | None = None) -> int:
    """Run the demo; 0 when every package was tested, whatever came of it."""
    arguments = _parser().parse_args(words)
    signal.signal(signal.SIGTERM, _interrupt)
    folder = Folder(arguments.folder.absolute())
    display = Display()
    farm = DemoFarm(folder, Wish(arguments.suite, arguments.packages, arguments.count), display)
    try:
        display.summary(farm.run(), folder)
        if arguments.serve:
            serve_site(folder.site, display.console)
    except KeyboardInterrupt:
        display.console.print("Stopped. Nothing is left running; the next run goes on from here.")
        return 130
    except PiufarmError as error:
        print(f"bin/demo: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return error.exit_status
    return 0
