"""One HTML file, or a folder of them, that shows a run: curves, groups, pass matrices, rewards."""
