"""Whose fault a finding is."""
