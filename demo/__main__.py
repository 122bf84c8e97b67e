"""Starts the demo. Until it is loaded, Ctrl-C simply ends the program: there is nothing to clean up yet."""

import signal
import sys

signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> int:
    """Load and run the demo."""
    from demo import command

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return command.main()


if __name__ == "__main__":
    sys.exit(main())
