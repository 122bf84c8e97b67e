"""Taking over what the archive has now: packages, relations, and results that no longer apply."""
