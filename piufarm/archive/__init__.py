"""Debian archives: the host's mirror, verified and cached package indexes. Shared by master and slave."""
