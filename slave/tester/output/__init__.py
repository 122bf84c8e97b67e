"""What a test tells: the classic log, the terminal, the result as data."""
