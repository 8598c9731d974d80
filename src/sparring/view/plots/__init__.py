"""Plots: curves of a run (`curves`; `page` for the report) and figures for papers (`arms`).

The figures come from `evaluation.arm_figures`. The same input always gives the same bytes.
"""
