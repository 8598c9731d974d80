"""The effect of rounding between sampler and trainer on the importance ratio, without torch.

Two programs that compute in bfloat16 give different log-probs for the same weights. The standard
deviation of the difference is about 0.03 for a token: 0.042 (Qwen2.5-0.5B, vLLM against a float32
trainer, huggingface/trl#6789), 0.022 to 0.039 (7B, ServiceNow/Fast-LLM#525). Its mean absolute
value is 0.011 (Qwen3-4B, vllm-project/vime#64) to 0.033 (SmolLM2-135M, one token at a time against
all at once).

A single optimiser step of 1e-6 has the same effect. The step changes 4% of the bfloat16 weights,
and with them the rounding of everything else (SmolLM2-135M: 0.059 between the log-probs before and
after a step, as between two programs).

Let x be a token's log-ratio. x is approximately normal. Over sampled tokens E exp(x) = 1, so the
mean of x is −σ²/2.
"""

from __future__ import annotations

import math

from sparring.learner.settings import ImportanceLevel

TOKEN_SD = 0.03
"""σ: standard deviation of a token's log-prob between two programs in bfloat16."""
GAP_ALARM = {True: 0.01, False: 0.05}
"""Mean absolute difference of log-probs that calls for a warning. The key is True if both sides
compute in float32. In bfloat16 rounding alone gives 0.011 to 0.033."""


def clipped_by_rounding(
    ratio: ImportanceLevel,
    clip: float,
    clip_eps_high: float | None,
    tokens: int,
    sd: float = TOKEN_SD,
) -> float:
    """Return the share of responses (for `ImportanceLevel.TOKEN`: of tokens) whose gradient the
    clip removes in the first optimiser step because of rounding alone.

    Responses have ``tokens`` tokens each, half of them with a negative advantage; ``sd`` is the
    standard deviation of a token's log-ratio.
    """
    mean, spread = -sd * sd / 2, sd
    if ratio is ImportanceLevel.SEQUENCE_PRODUCT:
        mean, spread = mean * tokens, sd * math.sqrt(tokens)
    elif ratio is ImportanceLevel.GSPO:
        spread = sd / math.sqrt(tokens)
    above = math.log1p(clip if clip_eps_high is None else clip_eps_high)
    below = math.log1p(-clip)
    return (_beyond((above - mean) / spread) + _beyond((mean - below) / spread)) / 2


def _beyond(z: float) -> float:
    """Return the share of a normal distribution above ``z`` standard deviations."""
    return math.erfc(z / math.sqrt(2)) / 2
