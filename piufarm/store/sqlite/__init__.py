"""The store in one SQLite file: several processes share it, none needs a server."""
