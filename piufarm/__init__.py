"""The core that master, slave and report share; it imports none of them."""

__version__ = "0.1.0"
