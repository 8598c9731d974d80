"""Version of the package, for records and the command line."""

__version__ = "0.2.0"
