"""Ready overlay layers of dependencies, so that packages that need the same ones do not unpack them again."""
