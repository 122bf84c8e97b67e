"""Which packages a root file system has installed, by its dpkg status file."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError

STATUS: Final = "var/lib/dpkg/status"


def installed_packages(root: Path) -> Mapping[str, str]:
    """As `parse_status`, from a tree. Raises FarmError if there is no readable status file."""
    path = root / STATUS
    if path.is_symlink() or not path.is_file():
        raise FarmError(f"not a Debian system: no {STATUS} in {root}", hint="check what the base was made from")
    return parse_status(path.read_bytes(), str(path))


def parse_status(content: bytes, name: str) -> Mapping[str, str]:
    """Name (or name:arch for Multi-Arch: same, as dpkg writes it) -> version of every installed package.

    Raises FarmError if this is no dpkg status file.
    """
    import apt_pkg

    found = {}
    try:
        with tempfile.TemporaryFile() as stream:  # apt_pkg reads nothing but real files
            stream.write(content)
            stream.seek(0)
            for stanza in apt_pkg.TagFile(stream):
                if stanza.get("Status", "").endswith(" installed"):
                    suffix = f":{stanza['Architecture']}" if stanza.get("Multi-Arch") == "same" else ""
                    found[stanza["Package"] + suffix] = stanza["Version"]
    except (apt_pkg.Error, KeyError, SystemError, UnicodeDecodeError) as error:
        raise FarmError(f"cannot read {name}: {error}", hint="the base image is damaged") from error
    return found
