"""Recipes: the packages' sections in one tree; presets, TOML, diagnostics, starter files."""
