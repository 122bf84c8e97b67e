"""The master: hands packages out to slaves and keeps their results."""
