"""The run directory: all data of a run, in files whose format other programs may rely on."""
