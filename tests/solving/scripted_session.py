"""A session whose models are functions of the message. The sandbox is real."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.evaluation.chat_models import RoleModel
from sparring.evaluation.options import EvalOptions
from sparring.policy.chat.base import ChatReply, ChatRequest, FailedRequest, OnReply, StopAsking
from sparring.sandbox import Runner
from sparring.schema import Role, StopReason, Task
from sparring.solving.budget import Budget
from sparring.solving.options import Sizes, SolveOptions
from sparring.solving.session import Session

Says = Callable[[Role, str], str | None]
"""Answer to a message that is not the role's own prompt; None where the request fails."""


def nothing(role: Role, message: str) -> str | None:
    return None


@dataclass
class ScriptedModel:
    """Chat model: the k-th answer to a role's own prompt is the k-th text that the test gives, any
    other message is answered by ``says``. ``asked`` has these other messages in order."""

    own: Mapping[Role, Sequence[str]]
    says: Says = nothing
    asked: list[tuple[Role, str]] = field(default_factory=list)
    prompts: dict[Role, str] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=lambda: {"kind": "scripted"})
    remote: bool = True

    def answer(self, requests: Sequence[ChatRequest], on_reply: OnReply, stop: StopAsking) -> None:
        for request in requests:
            if stop():
                return
            if request.message == self.prompts[request.role]:
                text: str | None = self.own[request.role][request.index]
            else:
                self.asked.append((request.role, request.message))
                text = self.says(request.role, request.message)
            if text is None:
                on_reply(request, FailedRequest("no answer"))
            else:
                on_reply(request, ChatReply(text, StopReason.END_TOKEN, 10, len(text)))

    def close(self) -> None:
        pass


def scripted(
    task: Task,
    sandbox: Runner,
    programs: Sequence[str],
    tests: Sequence[str],
    says: Says = nothing,
    budget: Budget | None = None,
    sizes: Sizes | None = None,
) -> tuple[Session, ScriptedModel]:
    """Return a session on the task, and the model behind both roles."""
    model = ScriptedModel({Role.CODER: programs, Role.TESTER: tests}, says)
    options = SolveOptions(
        asking=EvalOptions(sources=()),
        sizes=sizes or Sizes(len(programs), len(tests)),
        budget=budget or Budget(),
    )
    model.prompts = {role: r.message for role, r in options.first_requests(task).items()}
    models = {role: RoleModel(model, "scripted") for role in Role}
    return Session(task, options, models, sandbox), model


def program(source: str) -> str:
    return f"```python\n{source}\n```"


def assertion(text: str) -> str:
    return f"```python\nassert {text}\n```"


def printed(given: str, output: str) -> str:
    return f"**Test Input:**\n```\n{given}\n```\n**Test Output:**\n```\n{output}\n```"
