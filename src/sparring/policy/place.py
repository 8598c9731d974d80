"""Places of models by the names that users give: ``nano``, a directory, or an id on the hub.

This module needs neither torch nor a model's weights, nor the hub for a model on disk.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from sparring.errors import ConfigError, ModelError
from sparring.extras import extra
from sparring.files import checksum
from sparring.microworld import NANO_DIR
from sparring.policy.settings import NANO

_OF_A_MODEL = (".safetensors", ".bin", ".json", ".jinja", ".model", ".txt")
"""Suffixes of the files that make up a model or its tokenizer."""


def model_place(name: str) -> str:
    """Return a model's directory or hub id, without looking for it."""
    return str(NANO_DIR) if name == NANO else name


def find_model(name: str) -> str:
    """Return the directory of a model with its tokenizer, or the id of a model on the hub. Raises
    `ModelError` for any other name, and `ConfigError` for a server's address without http://."""
    config_file(name, fetch=False)
    place = model_place(name)
    local = Path(place)
    if local.is_dir():
        if not (local / "tokenizer_config.json").exists():
            raise ModelError(
                f"{name}: the directory has no tokenizer (tokenizer_config.json); add the model's"
            )
        _check_generation_config(local / "generation_config.json")
    return place


def config_file(name: str, fetch: bool = True) -> Path | None:
    """Return a model's config.json: in its directory, in the hub's cache, or fetched. Without
    ``fetch``, returns None for a model that is not in the cache while the hub can be reached.
    Raises `ModelError` and `ConfigError`."""
    place = model_place(name)
    local = Path(place)
    try:
        exists = local.exists()
    except OSError:  # the name is too long for a path
        raise ModelError(f"{name[:80]}…: there is no such directory") from None
    if local.suffix == ".gguf":
        raise ModelError(
            f"{name}: a GGUF file cannot be used as it is; convert it first: sparring model "
            f"convert {name} --out DIR"
        )
    if local.is_dir():
        if not (local / "config.json").exists():
            raise ModelError(
                f"{name}: has no config.json; name the directory of a transformers checkpoint"
            )
        return local / "config.json"
    if exists:
        raise ModelError(f"{name}: this is a file; name the directory that holds the model")
    refuse_address(name)
    if local.is_absolute() or name.startswith("."):
        raise ModelError(f"{name}: there is no such directory")
    return _of_hub(name, fetch)


def refuse_address(name: str) -> None:
    """Raise `ConfigError` for the address of a server that lacks its http://."""
    if re.fullmatch(r"[\w.-]+:\d+(/.*)?", name):
        raise ConfigError(f"{name}: the address of a server begins with http:// or https://")


def _of_hub(name: str, fetch: bool) -> Path | None:
    with extra("train", f"{name}: a model of the hub"):
        from huggingface_hub import hf_hub_download, try_to_load_from_cache
        from huggingface_hub.constants import ENDPOINT
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    try:
        cached = try_to_load_from_cache(name, "config.json")
        if isinstance(cached, str):
            return Path(cached)
        if not getproxies():  # fails at once without a name server, unlike the hub's retries
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
            f"not in the cache and cannot be fetched ({what}){_nano_hint(name)}"
        ) from None


def _nano_hint(name: str) -> str:
    """Return a question for a name that looks like a slip of ``nano``, else nothing."""
    return f"; did you mean {NANO}?" if difflib.get_close_matches(name, [NANO], cutoff=0.7) else ""


def _check_generation_config(file: Path) -> None:
    """Refuse a generation_config.json that cannot be read; `transformers` would silently ignore
    the file and its end tokens."""
    if file.exists():
        try:
            json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise ModelError(f"{file}: cannot be read: {error}; mend or remove it") from None


def model_files(directory: Path) -> list[Path]:
    """Return the files that make up the model in ``directory``, ordered by name; none if
    ``directory`` is no directory."""
    if not directory.is_dir():
        return []
    return sorted(f for f in directory.iterdir() if f.suffix in _OF_A_MODEL)


def directory_digest(directory: Path) -> str:
    """Return a hash of the names and contents of the model's files, independent of the directory's
    place. Raises `ModelError` if a file cannot be read."""
    digest = hashlib.sha256()
    try:
        for file in model_files(directory):
            digest.update(f"{file.name}\0{checksum(file)}\0".encode())
    except OSError as error:
        raise ModelError(f"{directory}: cannot be read: {error.strerror}") from None
    return digest.hexdigest()
