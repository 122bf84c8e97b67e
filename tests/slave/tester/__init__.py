"""Tests of the package tester: its parts on chroots in memory, the whole on real ones and beside its predecessor."""
