"""Package states: which packages can be tested now, which wait for what, which cannot be tested. See docs/states.md."""
