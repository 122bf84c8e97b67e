"""Reading piuparts.conf into a Configuration."""

from __future__ import annotations

from pathlib import Path

from piufarm.config.model import Configuration


def load(path: Path | None = None) -> Configuration:
    """Read and check a whole configuration file.

    None means the file that PIUPARTS_CONF names, else /etc/piuparts/piuparts.conf. What is odd but usable is in
    `Configuration.warnings`; nothing is printed. Raises ConfigError.
    """
    raise NotImplementedError(path)
