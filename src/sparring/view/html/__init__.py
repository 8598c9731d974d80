"""Browser view of runs: an HTML file, or a folder, with curves, groups, matrices and rewards."""
