"""Chat models from the names that a user gives: an address means a server, else a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.local_model import local_chat_model
from sparring.evaluation.options import EvalOptions, NamedModel
from sparring.policy.chat.base import ChatModel, StopAsking
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
    options: EvalOptions, known: Mapping[str, Mapping[str, Any]], stop: StopAsking
) -> dict[Role, RoleModel]:
    """Return the chat models by role. A model that plays both roles is made once.

    ``known`` holds the identities by role that an evaluation begun earlier has recorded.
    """
    by_role: dict[Role, RoleModel] = {}
    for role, named in options.models.items():
        coder = options.models[Role.CODER]
        alike = named == coder and options.prompts_for(role) == options.asked_by
        if role is Role.TESTER and (not options.tests or alike):
            chat_model = by_role[Role.CODER].chat_model
        else:
            chat_model = chat_model_of(named, options, role, known.get(role), stop)
        model = chat_model.identity.get("model")
        by_role[role] = RoleModel(chat_model, f"{model} at {named.place}" if model else named.place)
    return by_role


def chat_model_of(
    named: NamedModel,
    options: EvalOptions,
    role: Role,
    known: Mapping[str, Any] | None = None,
    stop: StopAsking = lambda: False,
) -> ChatModel:
    """Return the chat model that the user names, set up for ``role``.

    ``known`` is the identity that an earlier evaluation has recorded; with it no request to the
    server is needed. Raises `ConfigError` and `ModelError`.
    """
    if named.distant:
        if named.end_tokens:
            raise ConfigError(
                f"{named.place}: --end-token is for a local model; a server takes --stop TEXT, or "
                "--extra 'stop_token_ids=[ID]' if it is vLLM"
            )
        if named.precision is not None:
            raise ConfigError(
                "--precision: is for a local model; a server sets its own, leave it out"
            )
        return _served(named, options, known, stop)
    if named.model is not None or named.key is not None:
        raise ConfigError(
            f"{named.place}: a model's name and key belong to a server's address; this is none, "
            "leave them out"
        )
    return local_chat_model(
        named, options.concurrency or 64, options.prompts_for(role), options.params.max_tokens
    )


def reading_of(chat_model: ChatModel, prompts: PromptSettings, message: str) -> ReadingRules:
    """Return the rules that read a model's responses.

    The chat template of a local model may open the reasoning, which its filled-in prompt shows. The
    prompts of a server cannot be seen: there the user has to set ``reasoning``.
    """
    text = ""
    if not chat_model.remote:
        text = whole_prompt(chat_model, prompts, message)
    return prompts.reading(text, message)


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
    named: NamedModel, options: EvalOptions, known: Mapping[str, Any] | None, stop: StopAsking
) -> ServedModel:
    key = os.environ.get(named.key or USUAL_KEY)
    if named.key is not None and not key:
        # The message must not repeat the value: the user may have given the key itself.
        raise ConfigError(
            f"{named.key_option}: the environment has no variable of that name, or an empty one; "
            "give the name of the variable that holds the key, never the key"
        )
    option = named.key_option
    hint = (
        f"the key was that of the environment variable {named.key or USUAL_KEY} ({option} names "
        "another one)"
        if key
        else f"no key was sent: {USUAL_KEY} is not set ({option} names another variable)"
    )
    endpoint = Endpoint(named.place, key, options.seconds, hint)
    patience = RetryPolicy(attempts=options.attempts)
    served = _recorded(named, options, known)
    if served is None:
        served = find_served(endpoint, named.model, options.extra, patience, stop)
    pace = RequestPacer(options.per_minute)
    return ServedModel(endpoint, served, options.concurrency or 16, patience, pace)


def _recorded(
    named: NamedModel, options: EvalOptions, known: Mapping[str, Any] | None
) -> ServedModelIdentity | None:
    """Return the model of a recorded identity if the user now names the same model, else None."""
    if known is None or known.get("url") != checked_url(named.place):
        return None
    if named.model not in (None, known.get("model")) or known.get("extra") != dict(options.extra):
        return None
    return ServedModelIdentity(
        known["url"], known["model"], bool(known.get("takes_top_k")), dict(options.extra)
    )
