"""Training of a model's weights on rewarded groups of responses; begins in `update`."""
