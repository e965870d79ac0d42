"""People of a load test: one file a scenario."""
