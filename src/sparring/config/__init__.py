"""The recipe: the packages' own sections put together; presets, TOML, diagnostics, starter files."""
