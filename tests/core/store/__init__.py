"""The store: one contract, kept by every database behind it."""
