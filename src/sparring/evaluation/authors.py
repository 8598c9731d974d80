"""From what the user names to an `Author`: an address is a server, anything else a checkpoint."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparring.errors import ConfigError, ModelError
from sparring.microworld import NANO_DIR
from sparring.prompts.parse import Reading
from sparring.recipe.setting import PromptsSection
from sparring.sampling.chat.base import Author, StopAsking
from sparring.sampling.chat.crew import ServedModel, find_served
from sparring.sampling.chat.endpoint import Endpoint, Served, checked_url
from sparring.sampling.chat.patience import Pace, Patience

if TYPE_CHECKING:
    from sparring.sampling.chat.local import Loaded

USUAL_KEY = "OPENAI_API_KEY"
_SECRETS = ("api_key", "apikey", "key", "token", "access_token", "authorization", "password")


@dataclass(frozen=True, slots=True)
class Named:
    """A model as the user names it: an address, a directory, a hub id or ``nano``. ``model`` and
    ``key`` (a variable of the environment) are for an address."""

    place: str
    model: str | None = None
    key: str | None = None
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
    prompts: PromptsSection,
    max_tokens: int,
    known: Mapping[str, Any] | None = None,
) -> Author:
    """The model that is named. ``known``: its identity as an earlier evaluation has recorded it,
    which saves a server from being asked for it. Raises `ConfigError` and `ModelError`."""
    if named.distant:
        return _served(named, asking, known)
    if named.model is not None or named.key is not None:
        raise ConfigError(f"{named.place}: a model's name and key are for the address of a server")
    return _local(named.place, asking.concurrency, prompts, max_tokens)


def reading_of(found: Author, prompts: PromptsSection, message: str) -> Reading:
    """How a model's responses are read. Its prompts may end inside reasoning: a local chat template
    may open it. Of a server's nobody can tell; its reasoning comes whole or not at all."""
    text = ""
    if not found.remote:
        from sparring.sampling.chat.local import LocalModel

        assert isinstance(found, LocalModel)
        text = _prompt(found.place, prompts, message)
    return prompts.reading(text)


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


def _local(place: str, rows: int, prompts: PromptsSection, max_tokens: int) -> Author:
    try:
        from sparring.sampling.chat.local import LocalModel, directory_identity
    except ImportError as error:
        raise ModelError(
            f"{place}: a local model needs {error.name}; pip install 'sparring[train]'"
        ) from None
    path = str(NANO_DIR) if place == "nano" else place
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", place) and not Path(place).exists():
        raise ConfigError(f"{place}: the address of a server begins with http:// or https://")

    def load() -> Loaded:
        return _loaded(path, prompts, max_tokens)

    if Path(path).is_dir():
        for name in ("config.json", "tokenizer_config.json"):
            if not (Path(path) / name).exists():
                raise ModelError(
                    f"{place}: has no {name}; name the directory of a transformers checkpoint"
                )
        return LocalModel(path, directory_identity(Path(path)), load, rows)
    first = load()  # which revision a hub id means shows when it is loaded
    revision = getattr(first.model.config, "_commit_hash", None)
    identity = {"kind": "hub", "id": place, "revision": revision}
    return LocalModel(path, identity, load, rows, first)


def _prompt(place: str, prompts: PromptsSection, message: str) -> str:
    """The whole prompt, by the tokenizer alone: the weights may not be needed."""
    from transformers import AutoTokenizer

    from sparring.prompts.render import prompt_text

    try:
        tokenizer = AutoTokenizer.from_pretrained(place)
    except (OSError, ValueError) as error:
        raise ModelError(f"{place}: has no tokenizer: {str(error).splitlines()[0]}") from None
    return prompt_text(tokenizer, message, prompts.template_options)


def _loaded(path: str, prompts: PromptsSection, max_tokens: int) -> Loaded:
    import torch

    from sparring.learning.model import check_causal, load_model
    from sparring.prompts.render import check_room, prompt_ids, prompt_text
    from sparring.sampling.chat.local import Loaded

    model, tokenizer = load_model(path)
    check_causal(model)
    if torch.cuda.is_available():
        model = model.to("cuda")
    room = getattr(model.config, "max_position_embeddings", None)

    def rendered(messages: Sequence[str], task_ids: Sequence[str]) -> list[tuple[int, ...]]:
        texts = [prompt_text(tokenizer, m, prompts.template_options) for m in messages]
        ids = prompt_ids(tokenizer, texts, prompts.max_tokens, task_ids)
        check_room(room, ids, task_ids, max_tokens, "--max-tokens")
        return ids

    return Loaded(model, tokenizer, rendered)
