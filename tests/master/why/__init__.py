"""Explanations of packages."""
