"""URLs of stores: which there are, and how to show one to people."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
EXPECTED: Final = (
    "sqlite:// and an absolute path, as in sqlite:///var/lib/x.sqlite, or postgresql://, as in"
    " postgresql://account@host/database"
)
_PASSWORD: Final = re.compile(r"//([^/@:?#]*):.*@|([?&]password=)[^&#]*")


def split_store_url(url: str) -> SplitResult:
    """The parts of a URL that a database speaks. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme == SQLITE and not parts.netloc and url.startswith("sqlite:///") and parts.path.strip("/"):
        return parts
    if parts.scheme == POSTGRESQL and url.startswith("postgresql://") and (parts.path.strip("/") or parts.query):
        return parts
    raise ValueError(f"not the URL of a store: {without_password(url)}")


def without_password(url: str) -> str:
    """A URL, or a text with one in it, as it may be shown to anybody."""
    return _PASSWORD.sub(lambda found: f"{found[2]}***" if found[2] else f"//{found[1]}:***@", url)
