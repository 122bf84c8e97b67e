"""What a session does for a slave in the section that it has selected, by concern."""
