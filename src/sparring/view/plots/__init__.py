"""Plots of one run or several, for papers: curves, Best-of-N grids, the p01/p00 plane, bars.

    sparring plot [LABEL=]RUN… -o FIGURE.svg --kind curves

Each kind is a module that draws what arms came to (`evaluation.arms`,
`evaluation.recorded`); how everything looks is in `style`. The curves of a
run and of the page are drawn here too. The same input gives the same bytes.
"""
