"""What can be said of a recipe before it runs: its products, its memory, whether it fits."""
