"""Why a package has not been tested, or is in its state: the chain of reasons down to its cause, in words."""
