"""piuparts.conf and distros.conf: parsed once, typed, every value with its origin."""
