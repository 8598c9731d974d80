"""The microworld: embedded tasks, noisy players, and a nano model that plays both roles."""

from pathlib import Path

NANO_DIR = Path(__file__).parent / "nano"
"""Directory of the nano model's checkpoint in the package."""
