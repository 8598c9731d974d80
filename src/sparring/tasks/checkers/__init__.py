"""Comparison of an output with the expected one, by named rules (`checker`).

`rules` holds the rules of published data sets' own harnesses. `looser` tells whether a refused
output is the expected one in another form.
"""
