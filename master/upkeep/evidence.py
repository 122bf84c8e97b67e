"""The evidence of trouble, compared with its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from piufarm.master.layout import SectionFiles, changed_at
from piufarm.names import SectionName
from piufarm.store.model import Store


def damaged_evidence(store: Store, section: SectionName, files: SectionFiles) -> Iterator[str]:
    """A sentence for each log that is not as it was received; nothing depends on it, and nothing brings it back."""
    for trouble in store.troubles(section):
        if trouble.log is None:
            continue
        log = files.root / trouble.log
        what = f"{log} ({trouble.kind} with {trouble.package} {trouble.version})"
        try:
            size = log.stat().st_size
        except FileNotFoundError:
            yield f"{what} is missing"
            continue
        if size != trouble.log_bytes:
            yield f"{what} has {size} bytes instead of {trouble.log_bytes}"


def unknown_evidence(store: Store, files: SectionFiles, oldest: float) -> Iterator[Path]:
    """Logs without a row, last changed before `oldest`: their sessions ended in between."""
    for log in sorted(files.trouble.glob("*.log")):
        changed = changed_at(log)
        if changed is not None and changed < oldest and store.trouble(log.stem) is None:
            yield log
