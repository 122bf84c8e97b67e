"""Tests of the core that all components share."""
