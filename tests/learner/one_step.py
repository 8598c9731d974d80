"""Settings under which a batch makes one optimiser step, against the sampler's log-probs."""

from __future__ import annotations

from sparring.learner.settings import LearningSettings, OldLogprobs
from sparring.policy.settings import ModelSettings, Precision

ONE_STEP = LearningSettings(
    num_minibatches=1, ppo_epochs=1, kl_bound=None, old_logprobs=OldLogprobs.ROLLOUT
)
IN_BFLOAT16 = ModelSettings(precision=Precision.BFLOAT16)
