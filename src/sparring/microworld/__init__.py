"""The embedded world: small problems, noisy players, and a nano model that plays both roles."""

from pathlib import Path

NANO_DIR = Path(__file__).parent / "nano"
"""The nano model's checkpoint in the package."""
