"""What loads without torch: everything but the parts that compute with a model's weights.

What may import what is held by import-linter's contracts in pyproject.toml (`make check`).
"""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import sparring

WITHOUT_TORCH = (
    "tasks",
    "prompts",
    "sandbox",
    "rewards",
    "metrics",
    "selection",
    "grading",
    "evaluation",
    "audit",
    "runs",
    "view",
    "config",
    "policy.chat",
    "policy.vllm",
    "cli",
)


def modules(package: str) -> list[str]:
    """Every module of a package, but for files that are run and not imported."""
    root = f"sparring.{package}."
    found = pkgutil.walk_packages(sparring.__path__, "sparring.")
    return [
        m.name
        for m in found
        if f"{m.name}.".startswith(root)
        and not m.name.startswith("sparring.config.starters.")
        and not m.name.endswith(("__main__", "train_torch"))
    ]


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_torch_is_not_imported_by(package: str) -> None:
    names = modules(package)
    assert names
    code = (
        "import sys\n"
        f"for name in {names!r}:\n"
        "    __import__(name)\n"
        "    if 'torch' in sys.modules: sys.exit(name)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stderr) == (0, "")
