"""Killing the master's programs, at every fault point and at random moments, and looking at what is left."""
