"""Package states."""
