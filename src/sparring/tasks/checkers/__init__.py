"""Is an output the expected one? Named rules (`checker`), and leniency where data asks for it.

`rules` are those of published data sets' own harnesses; `looser` asks whether a refused output is
the expected one in another form.
"""
