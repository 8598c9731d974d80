"""Environment ``sparring-pair`` of `verifiers`: a package of its own, because `verifiers` finds
taskset, environment and harness by a package's name. `sparring.integrations.verifiers` has them."""

from sparring.integrations.verifiers import OneAnswer, PairEnv, PairTaskset

__all__ = ["OneAnswer", "PairEnv", "PairTaskset"]
