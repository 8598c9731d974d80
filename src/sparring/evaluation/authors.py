"""From the models that the user names to their `Author`s: an address is a server, anything else a
checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.local_author import local_author
from sparring.evaluation.options import EvalOptions, Named
from sparring.policy.chat.base import Author, StopAsking
from sparring.policy.chat.crew import ServedModel, find_served
from sparring.policy.chat.endpoint import Endpoint, Served, checked_url
from sparring.policy.patience import Pace, Patience
from sparring.prompts.rules import Reading
from sparring.prompts.settings import PromptSettings
from sparring.schema import Role

USUAL_KEY = "OPENAI_API_KEY"


@dataclass(frozen=True, slots=True)
class Respondent:
    """Who answers in a role, and the name of it for people."""

    author: Author
    name: str


def respondents(
    options: EvalOptions, known: Mapping[str, Mapping[str, Any]], stop: StopAsking
) -> dict[Role, Respondent]:
    """The models by role; one that plays both roles once. ``known``: their identities by role, as
    an evaluation that was begun has recorded them."""
    made: dict[Role, Respondent] = {}
    for role, named in options.models.items():
        coder = options.models[Role.CODER]
        alike = named == coder and options.prompts_for(role) == options.asked_by
        if role is Role.TESTER and (not options.tests or alike):
            author = made[Role.CODER].author
        else:
            author = author_of(named, options, role, known.get(role), stop)
        model = author.identity.get("model")
        made[role] = Respondent(author, f"{model} at {named.place}" if model else named.place)
    return made


def author_of(
    named: Named,
    options: EvalOptions,
    role: Role,
    known: Mapping[str, Any] | None = None,
    stop: StopAsking = lambda: False,
) -> Author:
    """The model that is named, to be asked as the options say of ``role``. ``known``: its identity
    as an earlier evaluation has recorded it, which saves a server from being asked for it. Raises
    `ConfigError` and `ModelError`."""
    if named.distant:
        if named.end_tokens:
            raise ConfigError(
                f"{named.place}: --end-token is for a local model; a server takes --stop TEXT, or "
                "--extra 'stop_token_ids=[ID]' if it is vLLM"
            )
        if named.precision is not None:
            raise ConfigError("--precision: is for a local model; a server has its own")
        return _served(named, options, known, stop)
    if named.model is not None or named.key is not None:
        raise ConfigError(f"{named.place}: a model's name and key are for the address of a server")
    return local_author(
        named, options.concurrency or 64, options.prompts_for(role), options.params.max_tokens
    )


def reading_of(found: Author, prompts: PromptSettings, message: str) -> Reading:
    """How a model's responses are read. Its prompts may end inside reasoning: a local chat template
    may open it. Of a server's prompts nobody can tell: its user has to say it."""
    text = ""
    if not found.remote:
        text = whole_prompt(found, prompts, message)
    return prompts.reading(text, message)


def whole_prompt(found: Author, prompts: PromptSettings, message: str) -> str:
    """The prompt as a local model gets it, its chat template filled in; of a server, whose template
    nobody sees, the message."""
    if found.remote:
        return message
    from sparring.policy.local.chat import LocalModel
    from sparring.prompts.render import prompt_text

    assert isinstance(found, LocalModel)
    return prompt_text(found.tokenizer, message, prompts.template_options)


def _served(
    named: Named, options: EvalOptions, known: Mapping[str, Any] | None, stop: StopAsking
) -> ServedModel:
    key = os.environ.get(named.key or USUAL_KEY)
    if named.key is not None and not key:  # what was given may be the key itself: never shown
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
    patience = Patience(attempts=options.attempts)
    served = _recorded(named, options, known)
    if served is None:
        served = find_served(endpoint, named.model, options.extra, patience, stop)
    pace = Pace(options.per_minute)
    return ServedModel(endpoint, served, options.concurrency or 16, patience, pace)


def _recorded(named: Named, options: EvalOptions, known: Mapping[str, Any] | None) -> Served | None:
    """The model of an identity on record, if it is the one that is named now."""
    if known is None or known.get("url") != checked_url(named.place):
        return None
    if named.model not in (None, known.get("model")) or known.get("extra") != dict(options.extra):
        return None
    return Served(known["url"], known["model"], bool(known.get("takes_top_k")), dict(options.extra))
