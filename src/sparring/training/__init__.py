"""Training: the loop, and the parts of a run that it puts together."""
