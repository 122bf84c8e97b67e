"""The way to the master: SSH, verified host keys, and the protocol spoken over it."""
