"""Comparison of an output with the expected one, by named rules (`checker`).

`rules` holds the rules of published data sets' own harnesses. `lenient` finds the rule that
accepts a refused output, if the output is the expected one in another form.
"""
