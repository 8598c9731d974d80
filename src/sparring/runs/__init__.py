"""The run directory: everything about a run, as files that other programs may rely on."""
