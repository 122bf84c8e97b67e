"""One package on a slave: pre-checks, the command that tests it, its verdict, its log file."""
