"""The store of a farm that goes on: an empty one never takes the place of one that has gone."""

from __future__ import annotations

from piufarm.config.model import Configuration
from piufarm.errors import FarmError
from piufarm.master.layout import section_files
from piufarm.store import StoreMissing, open_store
from piufarm.store.model import Store


def open_farm_store(configuration: Configuration) -> Store:
    """The store, made if it is missing and the farm has no logs yet. Raises FarmError, StoreError.

    Where there are logs there was a store, on a file system that is not mounted just now, or lost: results in a new one
    would be lost as soon as the old one is back.
    """
    farm = configuration.farm
    try:
        return open_store(farm.state, create=False)
    except StoreMissing as missing:
        for name in configuration.sections:
            if section_files(farm.master_directory, name).runs.is_dir():
                raise FarmError(
                    f"{missing.message}, but section {name} has logs: nothing is done without what is known of them",
                    hint="bring the store back, or rebuild it from the logs: `piufarm master fsck --from-files`",
                ) from missing
    return open_store(farm.state)
