"""Runs shown, through `runs` alone: in the terminal, in the browser, explained, plotted."""
