"""Upgrades between suites: the way through them, and what they are measured against."""
