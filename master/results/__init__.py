"""Results on their way in, and the classic view of them: logs in files, rows in the store."""
