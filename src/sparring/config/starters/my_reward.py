"""A reward of your own. Use it with

    sparring train --set reward.function=my_reward.py:reward

or `function = "my_reward.py:reward"` under [reward] of a recipe. To see what it
would have changed in a run that is over: sparring rescore RUN --set reward.function=…

The function is called once per task and step and must depend on nothing but
its argument: a resumed or replayed run calls it again and compares.
"""

from __future__ import annotations

import numpy as np

from sparring.rewards.custom import Bout

TOKEN_PRICE = 0.001


def reward(bout: Bout) -> tuple[np.ndarray, np.ndarray]:
    """Rewards of the programs [P] and of the generated tests [U].

    Programs: the share of ground-truth tests passed, less a price per token.
    Tests: 1 if every correct program passes and some wrong one fails, else 0.
    Advantages are made of these within each group of responses; where all
    rewards of a group are equal it teaches nothing and is dropped.
    A cell that is not observed is a failure of the machine's and says nothing:
    what would depend on it gets NaN, which means no reward, not 0.
    """
    passed_PG, passed_PU = np.split(bout.passed_PT, [bout.ground_truth], axis=1)
    observed_PG, observed_PU = np.split(bout.observed_PT, [bout.ground_truth], axis=1)
    coder = passed_PG.mean(axis=1) - TOKEN_PRICE * bout.lengths_P
    coder = np.where(observed_PG.all(axis=1), coder, np.nan)

    correct, wrong = bout.correct_P, bout.wrong_P  # a program may be neither: not known
    if not correct.any():  # nobody knows which tests are right
        return coder, np.zeros(len(bout.tests))
    accepts = passed_PU[correct].all(axis=0)
    catches = (~passed_PU[wrong]).any(axis=0)
    known = observed_PU[correct | wrong].all(axis=0) | ~bout.valid_U
    return coder, np.where(known, accepts & catches & bout.valid_U, np.nan)
