"""The repository that holds the packages under test, as a line of sources.list."""

from __future__ import annotations

from piufarm.errors import UsageError


def testdebs_line(text: str) -> str:
    """A whole `deb` line as it is; a directory of the host or a URL as a flat repository that needs no signature.

    Raises UsageError for what is neither.
    """
    words = text.split()
    if words[:1] == ["deb"] and len(words) >= 3:
        return text
    if text.startswith("/") and not any(character.isspace() for character in text):
        return f"deb [ trusted=yes ] file://{text} ./"
    if "://" in text or text.startswith(("file:", "copy:")):
        return f"deb [ trusted=yes ] {text} ./"
    raise UsageError(
        f"not a repository: {text!r}", hint="--testdebs-repo takes an absolute directory, a URL or a whole `deb` line"
    )
