"""The reference of all keys, rendered from the tables that the parsers use."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from piufarm.config.distros import DISTRO_KEYS
from piufarm.config.settings import SETTINGS, Scope


def settings_reference() -> str:
    """A Markdown table of every key of piuparts.conf; docs/piuparts.conf.md holds exactly this."""
    rows = [
        (
            f"`{setting.key}`{' (new)' if setting.is_new else ''}",
            "[global] only" if setting.scope is Scope.FARM else "section" if setting.inherits else "section only",
            setting.kind.name,
            setting.describe_default(),
            setting.summary,
        )
        for setting in SETTINGS
    ]
    return "\n".join(_table(("key", "where", "value", "default", "meaning"), rows)) + "\n"


def distros_reference() -> str:
    """A Markdown table of every key of distros.conf; docs/distros.conf.md holds exactly this."""
    rows = [(f"`{key}`", kind.name, purpose) for key, (kind, purpose) in DISTRO_KEYS.items()]
    return "\n".join(_table(("key", "value", "meaning"), rows)) + "\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in (header, *rows)) for column in range(len(header))]
    yield _line(header, widths)
    yield _line(["-" * width for width in widths], widths)
    for row in rows:
        yield _line(row, widths)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
