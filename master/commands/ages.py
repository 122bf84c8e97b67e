"""How long ago something was, for people."""

from __future__ import annotations

from datetime import datetime


def ago(now: datetime, moment: datetime) -> str:
    """`5 min ago`, in the largest unit of which there are two."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
