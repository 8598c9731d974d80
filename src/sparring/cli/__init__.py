"""The command line, a command per file; `main.py` puts them together."""
