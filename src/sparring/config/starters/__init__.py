"""Starter files that `sparring new` copies for a user to edit; each runs unchanged."""
