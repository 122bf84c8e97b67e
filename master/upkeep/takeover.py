"""Logs that are there as files only: of a store that was lost, or put there by other programs or by hand."""

from __future__ import annotations

from collections.abc import Iterator

from piufarm.errors import FarmError
from piufarm.master.exchange.listing import Listing
from piufarm.master.exchange.logs import LogTakeover
from piufarm.master.exchange.section_lock import import_lock
from piufarm.master.exchange.submissions import Submissions
from piufarm.master.layout import SectionFiles
from piufarm.names import SectionName
from piufarm.store.model import Store


def take_over_files(store: Store, section: SectionName, files: SectionFiles) -> Iterator[str]:
    """Enter a section's logs into the store, as far as it does not know them.

    A sentence for each log, also for those that cannot be entered. Raises FarmError, OSError.
    """
    with store.exclusive(import_lock(section)) as is_ours:
        if not is_ours:
            raise FarmError(f"an import of {section} is at work", hint="wait for its end")
        listing = Listing(files.root)
        submissions = Submissions.read(files.submissions, listing.stems())
        for taken in LogTakeover(store, section, files, listing, submissions, in_place=True).take_over():
            if taken.run is not None:
                yield f"{taken.found.path} is taken over as {taken.run.standing}"
        yield from map(str, listing.oddities)
