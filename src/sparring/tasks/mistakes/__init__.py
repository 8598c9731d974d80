"""Small mistakes in a right program (`mutants`), sites for them (`places`), and `branches`."""
