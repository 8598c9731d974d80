"""What is wrong with a data set, and what is left of it without that.

`findings` are the faults by name; `repeats`, `overlap` and `imports` look for some; `filters` and
`sound` leave tasks, tests and solutions out.
"""
