"""What tests share: fixtures, builders and looks at the host."""
