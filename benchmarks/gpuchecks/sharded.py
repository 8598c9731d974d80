"""Sharded weights over NCCL with one rank: the hooks, streams and masks that a CPU does not have.

A mesh of one rank runs all of `fully_shard`: gathering, the cast, the reduction. Its log-probs and
gradient must be those of whole weights, and its reference must be in parts again after it was used.
"""

from __future__ import annotations

import os
import socket
from typing import Any

import torch
import torch.distributed as dist

from gpuchecks.common import GIB, Setting, part
from gpuchecks.learning import batch
from sparring.learning.model import prepare_model
from sparring.learning.settings import (
    LearningSettings,
    LossSettings,
    ModelSettings,
    Precision,
    Sharding,
)
from sparring.learning.update import Learner
from sparring.learning.world import World
