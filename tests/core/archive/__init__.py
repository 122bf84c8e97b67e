"""Tests of mirrors, Release files, indexes and their cache."""
