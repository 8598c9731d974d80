"""Chat models from the names that a user gives: an address means a server, else a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.local_model import local_chat_model
from sparring.evaluation.options import EvalOptions, ModelSpec
from sparring.policy.chat.base import ChatModel, ChatReply, StopAsking
from sparring.policy.chat.endpoint import Endpoint, ServedModelIdentity, checked_url
from sparring.policy.chat.request_pool import ServedModel, find_served
from sparring.policy.retry import RequestPacer, RetryPolicy
from sparring.prompts.rules import ReadingRules
from sparring.prompts.settings import PromptSettings
from sparring.schema import Role

USUAL_KEY = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True)
class RoleModel:
    """Chat model of a role, with its name for people."""

    chat_model: ChatModel
    name: str


def role_models(
    options: EvalOptions, recorded_identities: Mapping[str, Mapping[str, Any]], stop: StopAsking
) -> dict[Role, RoleModel]:
    """Return the chat models by role. A model that plays both roles is made once.

    ``recorded_identities`` holds the identities by role from an earlier run of the evaluation.
    """
    by_role: dict[Role, RoleModel] = {}
    for role, spec in options.models.items():
        coder = options.models[Role.CODER]
        alike = spec == coder and options.prompts_for(role) == options.default_prompts
        if role is Role.TESTER and (not options.tests or alike):
            chat_model = by_role[Role.CODER].chat_model
        else:
            chat_model = chat_model_of(spec, options, role, recorded_identities.get(role), stop)
        model = chat_model.identity.get("model")
        by_role[role] = RoleModel(chat_model, f"{model} at {spec.place}" if model else spec.place)
    return by_role


def chat_model_of(
    spec: ModelSpec,
    options: EvalOptions,
    role: Role,
    recorded_identity: Mapping[str, Any] | None = None,
    stop: StopAsking = lambda: False,
) -> ChatModel:
    """Return the chat model that the user names, set up for ``role``.

    ``recorded_identity`` comes from an earlier run of the evaluation; with it no request to the
    server is needed. Raises `ConfigError` and `ModelError`.
    """
    if spec.is_served:
        if spec.end_tokens:
            raise ConfigError(
                f"{spec.place}: --end-token is for a local model; a server takes --stop TEXT, or "
                "--extra 'stop_token_ids=[ID]' if it is vLLM"
            )
        if spec.precision is not None:
            raise ConfigError(
                "--precision: is for a local model; a server sets its own, leave it out"
            )
        return _served(spec, options, recorded_identity, stop)
    if spec.model is not None or spec.key is not None:
        raise ConfigError(
            f"{spec.place}: a model's name and key belong to a server's address; this is none, "
            "leave them out"
        )
    return local_chat_model(
        spec,
        options.concurrency or 64,
        options.prompts_for(role),
        options.params_for(role).max_tokens,
    )


def reading_of(chat_model: ChatModel, prompts: PromptSettings, message: str) -> ReadingRules:
    """Return the rules that read a model's responses.

    The chat template of a local model may open the reasoning; the filled-in prompt shows whether it
    does. The prompts of a server cannot be seen: there the user has to set ``reasoning``.
    """
    text = ""
    if not chat_model.remote:
        text = whole_prompt(chat_model, prompts, message)
    return prompts.reading(text, message)


def response_text(answer: ChatReply, reading: ReadingRules) -> str:
    """Return the answer's text as the reader expects it.

    A server may send the reasoning apart from the answer. Where the reader expects open reasoning,
    the text then needs the end mark in front, or all of it would be read as reasoning.
    """
    ended = answer.reasoned and reading.reasoning.opened
    return reading.reasoning.end + answer.text if ended else answer.text


def whole_prompt(chat_model: ChatModel, prompts: PromptSettings, message: str) -> str:
    """Return the prompt with a local model's chat template filled in.

    For a server, whose template cannot be seen, the prompt is the message alone.
    """
    if chat_model.remote:
        return message
    from sparring.policy.local.chat import LocalModel
    from sparring.prompts.render import prompt_text

    assert isinstance(chat_model, LocalModel)
    return prompt_text(chat_model.tokenizer, message, prompts.template_options)


def _served(
    spec: ModelSpec,
    options: EvalOptions,
    recorded_identity: Mapping[str, Any] | None,
    stop: StopAsking,
) -> ServedModel:
    key = os.environ.get(spec.key or USUAL_KEY)
    if spec.key is not None and not key:
        # The message must not repeat the value: the user may have given the key itself.
        raise ConfigError(
            f"{spec.key_option}: the environment has no variable of that name, or an empty one; "
            "give the name of the variable that holds the key, never the key"
        )
    option = spec.key_option
    hint = (
        f"the key was that of the environment variable {spec.key or USUAL_KEY} ({option} names "
        "another one)"
        if key
        else f"no key was sent: {USUAL_KEY} is not set ({option} names another variable)"
    )
    endpoint = Endpoint(spec.place, key, options.seconds, hint)
    patience = RetryPolicy(attempts=options.attempts)
    served = _recorded_identity(spec, options, recorded_identity)
    if served is None:
        served = find_served(endpoint, spec.model, options.extra, patience, stop)
    pace = RequestPacer(options.per_minute)
    return ServedModel(endpoint, served, options.concurrency or 16, patience, pace)


def _recorded_identity(
    spec: ModelSpec, options: EvalOptions, recorded: Mapping[str, Any] | None
) -> ServedModelIdentity | None:
    """Return the recorded identity if it is that of the model that the user names, else None."""
    if recorded is None or recorded.get("url") != checked_url(spec.place):
        return None
    if spec.model not in (None, recorded.get("model")) or recorded.get("extra") != dict(
        options.extra
    ):
        return None
    return ServedModelIdentity(
        recorded["url"], recorded["model"], bool(recorded.get("takes_top_k")), dict(options.extra)
    )
