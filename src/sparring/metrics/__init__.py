"""Pass matrices → figures with intervals, those of the precision theorem included. Needs numpy
alone."""
