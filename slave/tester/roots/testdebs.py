"""The repository that holds the packages under test, as a line of sources.list."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from piufarm.errors import UsageError


def testdebs_line(text: str) -> str:
    """A whole `deb` line as it is; a directory of the host or a URL as a flat repository that needs no signature.

    Raises UsageError for what is neither.
    """
    words = text.split() if "\0" not in text else []
    if words[:1] == ["deb"] and len(words) >= 3 and len(text.splitlines()) == 1:
        return text
    if words and (text.startswith("/") or Path(text).is_dir()):
        return f"deb [ trusted=yes ] file://{quote(str(Path(text).absolute()))} ./"
    if len(words) == 1 and ("://" in text or text.startswith(("file:", "copy:"))):
        return f"deb [ trusted=yes ] {words[0]} ./"
    raise UsageError(
        f"not a repository: {text!r}", hint="--testdebs-repo takes a directory, a URL or a whole `deb` line"
    )
