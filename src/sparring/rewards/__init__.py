"""From a pass matrix to rewards and advantages, each with the terms that it is made of."""
