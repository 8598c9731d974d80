"""A model that is sampled and trained: found, loaded, asked, saved."""
