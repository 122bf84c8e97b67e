"""Exchange with piuparts: taking its master's directory over, and writing one that it goes on with."""
