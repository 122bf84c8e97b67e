"""The report: renders the store and the logs as a static site and as machine-readable exports."""
