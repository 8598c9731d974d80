"""Log-probs of responses under the current weights: backends, micro-batches, chunks of logits."""
