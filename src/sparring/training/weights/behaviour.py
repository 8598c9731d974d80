"""The behaviour policy: what plays one step behind the learner, where rollouts are made ahead.

In this process that is a copy of the weights (`Snapshot`), on servers it
is files: all processes write the weights when the learner has made them, the
servers are given the files by the thread that samples, and a checkpoint holds
them. No process computes with them, so their log-probs are not compared when
they come to a server; see `rollouts.asynchronous`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from sparring.training.state.policy import BehaviourPolicy, Policy
from sparring.training.state.trainer import Trainer
from sparring.training.weights.served import Served

_ROOM, _STATE = "behind", "behind.json"
"""In a checkpoint: the weights, by name, and what else `SnapshotFiles` knows."""


class SnapshotFiles:
    """The step whose weights the servers play."""

    def __init__(self, served: Served) -> None:
        """They are written to the room of ``served``."""
        self.step = 0
        self.pass_rates: dict[str, float] = {}
        self._all = served
        self.served = served.of_snapshot(self)
        """The same servers, for the thread that samples ahead."""
        self._files: dict[str, Path] = {}

    def begin(self, trainer: Policy) -> None:
        """Have written what the first step needs that is sampled, in a run that begins or has been
        taken up, with all processes."""
        if trainer.step:
            self._all.write_start()
        else:
            self.follow(trainer)

    def follow(self, trainer: Policy) -> None:
        """Take over the learner's weights, with all processes, and its counters."""
        self._files = self._all.write()
        self.step, self.pass_rates = trainer.step, dict(trainer.pass_rates)

    def keep(self, checkpoint: Path) -> None:
        """Put them into a checkpoint, but start weights that the learner keeps. Raises OSError."""
        kept = {n: p for n, p in self._files.items() if not self._all.keeps(n)}
        for name, place in kept.items():
            shutil.copytree(place, checkpoint / _ROOM / name)
        known = {"step": self.step, "pass_rates": self.pass_rates, "weights": [*kept]}
        (checkpoint / _STATE).write_text(json.dumps(known), encoding="utf-8")

    def take(self, checkpoint: Path) -> None:
        """Take over what `keep` gave. Raises OSError, KeyError or ValueError for anything else."""
        known = json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
        self.step, self.pass_rates = int(known["step"]), dict(known["pass_rates"])
        self._files = {
            name: self._all.put(name, checkpoint / _ROOM / name) for name in known["weights"]
        }


def behaviour_policy(trainer: Trainer, served: Served | None) -> BehaviourPolicy:
    """The policy that asynchronous rollouts are sampled from."""
    return SnapshotFiles(served) if served else trainer.snapshot()
