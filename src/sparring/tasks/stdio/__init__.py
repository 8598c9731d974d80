"""Convert call tasks to programs on standard input: `convert`, `slots` (types), `text` (values)."""
