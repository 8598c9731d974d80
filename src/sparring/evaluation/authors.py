"""From what the user names to an `Author`: an address is a server, anything else a checkpoint."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sparring.errors import ConfigError
from sparring.evaluation.local_author import local_author
from sparring.policy.chat.base import Author, StopAsking
from sparring.policy.chat.crew import ServedModel, find_served
from sparring.policy.chat.endpoint import Endpoint, Served, checked_url
from sparring.policy.chat.patience import Pace, Patience
from sparring.policy.settings import Precision
from sparring.prompts.parse import Reading
from sparring.prompts.settings import PromptSettings

USUAL_KEY = "OPENAI_API_KEY"
_SECRETS = ("api_key", "apikey", "key", "token", "access_token", "authorization", "password")


@dataclass(frozen=True, slots=True)
class Named:
    """A model as the user names it: an address, a directory, a hub id or ``nano``. ``model`` and
    ``key`` (a variable of the environment) are for an address, ``end_tokens`` and the ``precision``
    of its weights (None: float32) for the others."""

    place: str
    model: str | None = None
    key: str | None = None
    end_tokens: tuple[str, ...] = ()
    precision: Precision | None = None
    key_option: str = field(default="--coder-key", compare=False)
    """The option that ``key`` is given by."""

    @property
    def distant(self) -> bool:
        return "://" in self.place


@dataclass(frozen=True, slots=True)
class Asking:
    """How servers are asked, and how many responses are in work at once."""

    concurrency: int = 16
    per_minute: float | None = None
    seconds: float = 600.0
    patience: Patience = field(default_factory=Patience)
    extra: Mapping[str, Any] = field(default_factory=dict)
    stop: StopAsking = lambda: False


def author(
    named: Named,
    asking: Asking,
    prompts: PromptSettings,
    max_tokens: int,
    known: Mapping[str, Any] | None = None,
) -> Author:
    """The model that is named. ``known``: its identity as an earlier evaluation has recorded it,
    which saves a server from being asked for it. Raises `ConfigError` and `ModelError`."""
    if named.distant:
        if named.end_tokens:
            raise ConfigError(
                f"{named.place}: --end-token is for a local model; a server takes --stop TEXT, or "
                "--extra 'stop_token_ids=[ID]' if it is vLLM"
            )
        if named.precision is not None:
            raise ConfigError("--precision: is for a local model; a server has its own")
        return _served(named, asking, known)
    if named.model is not None or named.key is not None:
        raise ConfigError(f"{named.place}: a model's name and key are for the address of a server")
    return local_author(
        named.place, asking.concurrency, prompts, max_tokens, named.end_tokens, named.precision
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


def extra_fields(given: Sequence[str]) -> dict[str, Any]:
    """``key=value`` options as fields of a request: JSON values, or else texts."""
    found: dict[str, Any] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise ConfigError(f"--extra {text}: must be KEY=VALUE")
        if name in ("messages", "model", "stream", "n"):
            raise ConfigError(f"--extra {name}: is not to be changed")
        if name.strip().lower().replace("-", "_") in _SECRETS:
            raise ConfigError(
                f"--extra {name}: extra fields are written to disk; a key is given in the "
                "environment (--coder-key, --tester-key)"
            )
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found


def _served(named: Named, asking: Asking, known: Mapping[str, Any] | None) -> ServedModel:
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
    endpoint = Endpoint(named.place, key, asking.seconds, hint)
    served = _recorded(named, asking, known)
    if served is None:
        served = find_served(endpoint, named.model, asking.extra, asking.patience, asking.stop)
    pace = Pace(asking.per_minute)
    return ServedModel(endpoint, served, asking.concurrency, asking.patience, pace)


def _recorded(named: Named, asking: Asking, known: Mapping[str, Any] | None) -> Served | None:
    """The model of an identity on record, if it is the one that is named now."""
    if known is None or known.get("url") != checked_url(named.place):
        return None
    if named.model not in (None, known.get("model")) or known.get("extra") != dict(asking.extra):
        return None
    return Served(known["url"], known["model"], bool(known.get("takes_top_k")), dict(asking.extra))
