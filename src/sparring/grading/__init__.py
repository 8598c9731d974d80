"""Responses become results: read once on arrival, run, compared, put on record."""
