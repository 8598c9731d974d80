"""Small mistakes in a right program (`mutants`), sites for them (`ast_sites`), and `branches`."""
