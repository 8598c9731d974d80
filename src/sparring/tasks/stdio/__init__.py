"""Call tasks as programs on standard input (`convert`): types in `slots`, values in `text`."""
