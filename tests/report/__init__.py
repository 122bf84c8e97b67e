"""Tests of the report: on a made-up farm with real files and a real store, looked at with a real browser."""
