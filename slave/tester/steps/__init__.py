"""What the procedures have in common: setting up, installing, noting owners, removing and purging."""
