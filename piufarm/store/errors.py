"""Trouble of the database behind the store."""

from __future__ import annotations

from piufarm.errors import FarmError


class StoreError(FarmError):
    """The database cannot be reached, is full, damaged, or of another version."""


class StoreMissing(StoreError):
    """There is no store yet at the place that the configuration names."""
