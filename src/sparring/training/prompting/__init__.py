"""Which tasks a step has, and what is asked of them."""
