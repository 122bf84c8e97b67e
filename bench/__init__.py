"""Benchmarks: each prints ours beside piuparts, measured in the same run."""
