"""Plots: curves of a run (`curves`, for the page `page`), figures of several for papers (`arms`,
`curves`). Figures come from `evaluation.arm_figures`. The same input gives the same bytes."""
