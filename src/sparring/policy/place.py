"""Where a model lies, by the name that a user gives it: ``nano``, a directory, or an id of the hub.

Neither torch nor a model's weights are needed here, nor the hub for a model that is on disk.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from sparring.errors import ConfigError, ModelError
from sparring.files import checksum
from sparring.microworld import NANO_DIR
from sparring.policy.settings import NANO

_OF_A_MODEL = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
"""Endings of the files that make a model or its tokenizer."""


def model_place(name: str) -> str:
    """A model's directory or hub id; nothing is looked at."""
    return str(NANO_DIR) if name == NANO else name


def find_model(name: str) -> str:
    """The directory of a model and its tokenizer, or a hub id that can be had. Raises `ModelError`
    for anything else, `ConfigError` for half an address."""
    config_file(name, fetch=False)
    place = model_place(name)
    local = Path(place)
    if local.is_dir():
        if not (local / "tokenizer_config.json").exists():
            raise ModelError(
                f"{name}: has no tokenizer (tokenizer_config.json); add that of its model"
            )
        _check_generation_config(local / "generation_config.json")
    return place


def config_file(name: str, fetch: bool = True) -> Path | None:
    """A model's config.json: in its directory, in the hub's cache, or fetched; None for one of a
    hub that can be reached, without ``fetch``. Raises `ModelError` and `ConfigError`."""
    place = model_place(name)
    local = Path(place)
    try:
        there = local.exists()
    except OSError:  # a name that is too long
        raise ModelError(f"{name[:80]}…: there is no such directory") from None
    if local.suffix == ".gguf":
        raise ModelError(f"{name}: convert it first: sparring model convert {name} --out DIR")
    if local.is_dir():
        if not (local / "config.json").exists():
            raise ModelError(
                f"{name}: has no config.json; name the directory of a transformers checkpoint"
            )
        return local / "config.json"
    if there:
        raise ModelError(f"{name}: is a file; name the directory that holds it")
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", name):
        raise ConfigError(f"{name}: the address of a server begins with http:// or https://")
    if local.is_absolute() or name.startswith("."):
        raise ModelError(f"{name}: there is no such directory")
    return _of_hub(name, fetch)


def _of_hub(name: str, fetch: bool) -> Path | None:
    try:
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.constants import ENDPOINT
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise ModelError(f"{name}: models on the hub need pip install 'sparring[train]'") from None
    try:
        cached = try_to_load_from_cache(name, "config.json")
        if isinstance(cached, str):
            return Path(cached)
        if not getproxies():  # saves a minute of tries
            socket.getaddrinfo(urlsplit(ENDPOINT).hostname, 443)
        return Path(hf_hub_download(name, "config.json")) if fetch else None
    except HFValidationError:
        raise ModelError(
            f"{name}: there is no such directory, and a model of the hub is named OWNER/NAME"
        ) from None
    except (HfHubHTTPError, OSError, ValueError) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise ModelError(
            f"{name}: there is no such directory, and as a model of the hub its config.json is "
            f"not in the cache and cannot be fetched ({what})"
        ) from None


def _check_generation_config(file: Path) -> None:
    """`transformers` passes over one that cannot be read, and with it over its end tokens."""
    if file.exists():
        try:
            json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{file}: cannot be read: {error}; mend or remove it") from None


def model_files(directory: Path) -> list[Path]:
    """The files that make the model, in the order of their names; none of what is no directory."""
    if not directory.is_dir():
        return []
    return sorted(f for f in directory.iterdir() if f.suffix in _OF_A_MODEL)


def directory_digest(directory: Path) -> str:
    """A hash of the files' names and contents, wherever the directory lies. Raises `ModelError`
    where they cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in model_files(directory):
            digest.update(f"{file.name}\0{checksum(file)}\0".encode())
    except OSError as error:
        raise ModelError(f"{directory}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()
