"""Figures for papers, of one run or several: curves, Best-of-N grids, the p01/p00 plane, bars.

    sparring plot [LABEL=]RUN… -o FIGURE.svg --kind curves

Each kind is a module that turns arms (`figures.arms`) into a figure; what they look like
is `figures.style`. The same input gives the same bytes.
"""
