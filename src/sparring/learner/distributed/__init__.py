"""Several processes that learn as one: orders, shards, gradients, exports."""
