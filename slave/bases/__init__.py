"""Base images: where they come from, how they are prepared for tests, and the cache that keeps them unpacked."""
