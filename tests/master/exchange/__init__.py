"""Exchange with installations of piuparts."""
