"""Which packages a root file system has installed, by its dpkg status file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from piufarm.errors import FarmError

_STATUS: Final = "var/lib/dpkg/status"


def installed_packages(root: Path) -> Mapping[str, str]:
    """Name (or name:arch for Multi-Arch: same, as dpkg writes it) -> version of every installed package.

    Raises FarmError if there is no readable status file.
    """
    import apt_pkg

    path = root / _STATUS
    if path.is_symlink() or not path.is_file():
        raise FarmError(f"not a Debian system: no {_STATUS} in {root}", hint="check what the base was made from")
    found = {}
    try:
        with apt_pkg.TagFile(str(path)) as stanzas:
            for stanza in stanzas:
                if stanza.get("Status", "").endswith(" installed"):
                    suffix = f":{stanza['Architecture']}" if stanza.get("Multi-Arch") == "same" else ""
                    found[stanza["Package"] + suffix] = stanza["Version"]
    except (apt_pkg.Error, KeyError, SystemError, UnicodeDecodeError) as error:
        raise FarmError(f"cannot read {path}: {error}", hint="the base image is damaged") from error
    return found
