"""What a test stands on: the base that answers the options, what is placed in it, the archives that it knows."""
