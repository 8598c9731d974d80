"""Freed memory is kept for a large model on a CPU, and only there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sparring.policy import heap
from sparring.policy.heap import keep_freed_memory
from tests.learner.families import family

_PROGRAM = """
import resource, sys
import torch
from sparring.policy import heap
from tests.learner.families import family

if sys.argv[1] == "kept":
    heap.PACKED_FROM = 0
assert heap.keep_freed_memory(family("Qwen2")) is (sys.argv[1] == "kept")
torch.zeros(25_000_000).fill_(1.0)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(4):
    torch.empty(25_000_000).fill_(1.0)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(argument: str) -> int:
    """Return the page faults of four tensors of 100 MB, each freed before the next, in a process of
    its own."""
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, argument], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_tensors_reuse_the_pages_of_freed_ones() -> None:
    assert faults("kept") < faults("given back") / 10


def test_small_models_change_nothing() -> None:
    assert not keep_freed_memory(family("Qwen2"))


def test_another_c_library_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heap, "PACKED_FROM", 0)
    monkeypatch.setattr(heap.ctypes, "CDLL", lambda name: object())
    assert not keep_freed_memory(family("Qwen2"))
