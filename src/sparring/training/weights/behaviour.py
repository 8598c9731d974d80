"""The behaviour policy of asynchronous rollouts, one step behind the learner.

If this process samples, the behaviour policy is a copy of the weights
(`Snapshot`). If servers sample, the behaviour policy is a set of files
(`SnapshotFiles`): all processes write the weights after an update, the sampling
thread has the servers load the files, and every checkpoint holds the files. No
process computes with the files' weights, so log-probs are not compared when a
server loads the files; see `rollouts.asynchronous`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sparring.training.state.policy import BehaviourPolicy, Policy
from sparring.training.state.trainer import Trainer
from sparring.training.weights.served import ServedPolicies

_DIRECTORY, _STATE = "behind", "behind.json"
"""Names in a checkpoint: the directory of the weights, and the file with the counters of a
`SnapshotFiles`."""


class SnapshotFiles:
    """Files with the weights that servers sample from, of one training step."""

    def __init__(self, served: ServedPolicies) -> None:
        """The files are written into the directories of ``served``."""
        self.step = 0
        self.pass_rates: dict[str, float] = {}
        self._servers = served
        self.served = served.of_snapshot(self)
        """The servers, as the thread of asynchronous rollouts uses them."""
        self._files: dict[str, Path] = {}

    def prepare(self, trainer: Policy) -> None:
        """Write the files that the first sampled step of a new or resumed run needs; all processes
        write together."""
        if trainer.step:
            self._servers.write_initial()
        else:
            self.copy_from(trainer)

    def copy_from(self, trainer: Policy) -> None:
        """Write the learner's weights, all processes together, and copy its counters."""
        self._files = self._servers.write()
        self.step, self.pass_rates = trainer.step, dict(trainer.pass_rates)

    def save(self, checkpoint: Path) -> None:
        """Copy the files into a checkpoint, except initial weights that the learner keeps. Raises
        OSError."""
        kept = {n: p for n, p in self._files.items() if not self._servers.keeps(n)}
        for name, place in kept.items():
            shutil.copytree(place, checkpoint / _DIRECTORY / name)
        state = {"step": self.step, "pass_rates": self.pass_rates, "weights": [*kept]}
        (checkpoint / _STATE).write_text(json.dumps(state), encoding="utf-8")

    def load(self, checkpoint: Path) -> None:
        """Load the files and counters that `save` has written. Raises OSError, KeyError or
        ValueError for any other file."""
        state = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        self.step, self.pass_rates = int(state["step"]), dict(state["pass_rates"])
        self._files = {
            name: self._servers.put(name, checkpoint / _DIRECTORY / name)
            for name in state["weights"]
        }


def behaviour_policy(trainer: Trainer, served: ServedPolicies | None) -> BehaviourPolicy:
    """Return the policy from which asynchronous rollouts are sampled."""
    return SnapshotFiles(served) if served else trainer.snapshot()
