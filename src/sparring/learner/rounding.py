"""What rounding between sampler and trainer does to a ratio: arithmetic, without torch.

Two programs that compute in bfloat16 give log-probs of the same weights that lie apart, by a
standard deviation of about 0.03 for a token: 0.042 (Qwen2.5-0.5B, vLLM against a float32 trainer,
huggingface/trl#6789), 0.022 to 0.039 (7B, ServiceNow/Fast-LLM#525); on average, without its sign,
0.011 (Qwen3-4B, vllm-project/vime#64) to 0.033 (SmolLM2-135M, a token at a time against all at
once). As little as an optimiser step of 1e-6 does the same: it changes 4% of the bfloat16 weights,
and with them the rounding of everything (SmolLM2-135M: 0.059 before and after one, as between two
programs). With x the logarithm of the ratio, E exp(x) = 1 over what was sampled, so that a token's
x is about normal with mean −σ²/2.
"""

from __future__ import annotations

import math

from sparring.learner.settings import Ratio

TOKEN_SD = 0.03
"""σ: standard deviation of a token's log-prob between two programs in bfloat16."""
GAP_ALARM = {True: 0.01, False: 0.05}
"""Mean distance of log-probs that is worth a word, by whether both sides compute in float32.
In bfloat16 rounding alone is 0.011 to 0.033."""


def clipped_by_rounding(
    ratio: Ratio, clip: float, clip_high: float | None, tokens: int, sd: float = TOKEN_SD
) -> float:
    """The share of responses (`Ratio.TOKEN`: of tokens) of so many tokens whose gradient the clip
    removes in the first optimiser step by rounding alone, half of the advantages being negative."""
    mean, spread = -sd * sd / 2, sd
    if ratio is Ratio.SEQUENCE:
        mean, spread = mean * tokens, sd * math.sqrt(tokens)
    elif ratio is Ratio.GEOMETRIC:
        spread = sd / math.sqrt(tokens)
    above = math.log1p(clip if clip_high is None else clip_high)
    below = math.log1p(-clip)
    return (_beyond((above - mean) / spread) + _beyond((mean - below) / spread)) / 2


def _beyond(z: float) -> float:
    """The share of a normal distribution above ``z`` standard deviations."""
    return math.erfc(z / math.sqrt(2)) / 2
