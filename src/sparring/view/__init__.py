"""Views of runs: terminal, browser page, explained rewards, plots. No view changes a run."""
