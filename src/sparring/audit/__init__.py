"""What the reference solutions of a data set say of its tests, and the files that say it."""
