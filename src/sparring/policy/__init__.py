"""The policy: a model that is loaded, sampled, trained and saved."""
