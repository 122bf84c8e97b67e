"""The slave: reserves packages, tests them in throw-away chroots, sends the logs back."""
