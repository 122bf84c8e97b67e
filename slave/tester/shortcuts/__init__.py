"""Shorter ways to a verdict. Only a pass counts there; everything else is tested again the long way."""
