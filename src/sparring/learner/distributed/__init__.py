"""Training in several processes: orders from the first process, shards, gradients, exports."""
