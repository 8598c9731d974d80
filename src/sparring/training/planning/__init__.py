"""Planning: a recipe's derived quantities, its memory, and the dry run, before a run starts."""
