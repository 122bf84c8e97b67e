"""The one base that both testers start from: merged /usr, as a tarball that the predecessor can read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from piufarm.archive.mirror import Mirror
from piufarm.run import run

_HOOK: Final = Path("/usr/share/mmdebstrap/hooks/maybe-merged-usr")


def base_tarball(folder: Path, mirror: Mirror, suite: str) -> Path:
    """Made once, and in one step. Raises CommandFailed."""
    path = folder / f"{suite}.tar.gz"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        print(f"making {path}", flush=True)
        unfinished = folder / f"new-{os.getpid()}.tar.gz"
        words = ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--hook-dir={_HOOK}"]
        words.append('--aptopt=Acquire::Check-Valid-Until "false"')
        line = f"deb {mirror.uri} {suite} main"
        run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", *words, suite, unfinished, line])
        unfinished.rename(path)
    return path
