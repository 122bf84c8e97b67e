"""What a chroot is like at a moment of a test, by its tree and dpkg's own records, and how two moments differ."""
