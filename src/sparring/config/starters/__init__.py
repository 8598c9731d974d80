"""Files that `sparring new` copies for a user to start from: they run as they are."""
