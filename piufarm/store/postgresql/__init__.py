"""The store in a PostgreSQL database: several master hosts share it, and many sessions write at the same time."""
