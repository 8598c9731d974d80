"""Responses → `GroupResult`: read once, run, compared, recorded."""
