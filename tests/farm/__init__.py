"""Whole farms: real processes, a real SSH server, real chroots; and the predecessor's programs as peers."""
