"""Pass matrix → rewards → advantages, each with the terms that make it up. Needs numpy alone."""
