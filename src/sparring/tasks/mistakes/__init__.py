"""Small mistakes in a right program (`mutants`), its AST sites (`places`), and its `branches`."""
