"""The host's own mirror, as its apt sources name it: the default wherever the configuration names none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Mirror:
    """An archive entry of the host's apt sources."""

    uri: str  # without trailing slash
    suite: str
    components: tuple[str, ...]
    keyrings: tuple[Path, ...]  # of Signed-By; empty: whatever apt trusts


def default_mirror(root: Path = Path("/")) -> Mirror:
    """The first enabled `deb` entry whose suite is the host's own release and whose components have `main`.

    Reads one-line and deb822 sources below `root`. Raises NoMirror.
    """
    raise NotImplementedError(root)
