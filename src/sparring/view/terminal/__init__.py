"""Terminal view of a run: overview, step, task, response, and explained rewards. Reads only."""
