"""Throw-away chroots: one interface, several backends, one supervisor that is the first process in each of them."""
