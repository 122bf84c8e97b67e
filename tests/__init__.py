"""Tests of piufarm; the layout mirrors the packages, tests/farm/ holds the whole-farm tests."""
