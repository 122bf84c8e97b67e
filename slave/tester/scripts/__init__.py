"""Custom scripts: which they are, and how they are run."""
