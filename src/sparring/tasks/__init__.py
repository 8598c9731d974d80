"""Tasks: what is to be solved, read from files and checked before anything is spent."""
