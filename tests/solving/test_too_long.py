"""A problem that is too long for a model ends the session under its own name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.evaluation.chat_models import RoleModel
from sparring.policy.chat.base import ChatRequest, OnReply, StopAsking
from sparring.prompts.render import PromptTooLong
from sparring.schema import Role
from sparring.solving.by_need import by_need
from sparring.solving.session import Session
from tests.fake_openai import FakeOpenAI
from tests.solving.sessions import TASK, solve_options


class ShortSighted:
    """Model whose prompts have to be shorter than any problem."""

    identity: Mapping[str, Any] = {"kind": "short-sighted"}
    remote = True

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        raise PromptTooLong("its prompt has 389 tokens")

    def close(self) -> None:
        """Do nothing."""


def test_a_model_that_cannot_take_the_problem_is_not_called_gone(fake: FakeOpenAI) -> None:
    models = dict.fromkeys(Role, RoleModel(ShortSighted(), "small"))
    session = Session(TASK, solve_options(fake), models, None)
    solution = by_need(session)
    assert solution.chosen is None
    assert solution.reason == "the problem is too long for the model: its prompt has 389 tokens"
    assert session.spending.costs.tokens == 0
