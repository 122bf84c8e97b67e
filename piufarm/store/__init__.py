"""The store: what the farm knows, in a database; log files are a view of it. `open_store` picks the database by URL."""
