"""Runs shown in the terminal, in the browser, explained and plotted. Writes none, asks no model."""
