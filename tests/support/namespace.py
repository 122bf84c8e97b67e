"""Programs that read fixed paths get private files there, in a mount namespace; the host's files stay untouched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_BIND_AND_EXEC: Final = """
set -e
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
exec "$@"
"""


def with_private_files(binds: Mapping[Path, Path], argv: Sequence[str | Path]) -> list[str]:
    """The command line that runs `argv` where each key of `binds`, an existing path, shows what its value names."""
    pairs = [str(path) for place, content in binds.items() for path in (content, place)]
    unshare = ["unshare", "--mount", "--propagation", "private", "--"]
    return [*unshare, "/bin/sh", "-c", _BIND_AND_EXEC, "sh", *pairs, "--", *map(str, argv)]
