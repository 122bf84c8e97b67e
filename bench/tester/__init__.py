"""What the measurements of the tester have in common."""
