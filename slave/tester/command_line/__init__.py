"""The command line: options and operands, frozen into values."""
