"""Roots that `piufarm test --keep-env` has kept: keeping, listing, entering and removing them."""
