"""--list-installed-files: what each installation brings, takes and changes, for those who read it in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from piufarm.slave.tester.checks.listing import entry_list, not_ignored
from piufarm.slave.tester.examination import Examination
from piufarm.slave.tester.state.compare import compare

_HEADLINES: Final = (
    "New installed files on system:",
    "The following files have disappeared:",
    "The following files have been modified:",
)


@contextmanager
def listing_files(examination: Examination) -> Iterator[None]:
    """Note in the log what differs after the block, if that was asked for."""
    if not examination.options.checks.list_installed_files:
        yield
        return
    tree, identities = examination.tree(), examination.present_identities()
    yield
    now = examination.tree()
    found = compare(tree, now, identities, examination.present_identities())
    modified = {path: entry for path in found.modified if (entry := now.get(path.rstrip("/") or "/"))}
    lists = examination.present_lists()
    for headline, entries in zip(_HEADLINES, (found.new, found.removed, modified), strict=True):
        kept = not_ignored(examination, entries, 2)
        if kept:
            examination.log.debug(entry_list(headline, kept, lists))
