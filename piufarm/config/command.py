"""What every command that reads the configuration has in common: the option that chooses the file."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add `--config FILE`; its value belongs into `piufarm.config.load.load`."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        default=None,
        help="configuration file (default: $PIUPARTS_CONF, else /etc/piuparts/piuparts.conf)",
    )
