"""Loading of recipes: TOML files, ``--set section.key=value`` changes, and messages on faults.

An unknown key is an error with a suggestion; no key is ignored.
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sparring.config.faults import RecipeFault, faults
from sparring.config.other_names import KEY_BY_OTHER_NAME
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError, python_names
from sparring.policy.settings import NANO
from sparring.runs.checkpoints import newest_of
from sparring.runs.reader import RunReader
from sparring.runs.text import one_line
from sparring.version import __version__

NANO_RECIPE = Path(__file__).parent / "nano.toml"
"""Recipe of the embedded model, which `sparring train` runs without arguments."""
RECORDED = "recipe.json"
"""File with the resolved recipe in a run directory."""


def load_recipe(
    source: Path | str | Mapping[str, Any] | None,
    settings: Sequence[str] | Mapping[str, object] = (),
) -> Recipe:
    """Load a recipe, check it, and return it.

    Args:
        source: A TOML file, the directory of a run (the recipe of that run), ``"nano"`` (the recipe
            of the embedded model), the tables of a recipe as a mapping, or None for the defaults.
        settings: Fields to change, as a mapping of ``"section.key"`` to the value, or as texts
            ``"section.key=value"``.

    Returns:
        The recipe, with the values of its preset filled in.

    Raises:
        ConfigError: With one line per fault: unknown keys, values out of range, values without
            effect, a file that cannot be read.
    """
    if isinstance(settings, Mapping):
        with python_names({"--set": "settings"}):
            return load_recipe(source, changes_of(settings))
    where = str(source) if isinstance(source, Path | str) else "recipe"
    if source is None or isinstance(source, Mapping):
        data = _upon_base(source or {}, Path(where), ())
    else:
        data = _extended(NANO_RECIPE if source == NANO else Path(source), ())
    return checked(make_recipe(data, settings, where), settings, where)


def checked(recipe: Recipe, changes: Sequence[str] = (), where: str = "recipe") -> Recipe:
    """Return the recipe with a run's newest checkpoint in place of a run directory that the recipe
    names as a model. Raises `ConfigError` for values without effect (`faults`)."""
    _refuse(faults(recipe), changes, where)
    return _at_checkpoints(recipe)


def changes_of(settings: Mapping[str, object]) -> list[str]:
    """Return changes of the form ``section.key=value`` from Python values."""
    changes = []
    for key, value in settings.items():
        if value is None:
            raise ConfigError(f"settings: {key} is None; leave the key out, and its default holds")
        changes.append(f"{key}={_toml(str(value) if isinstance(value, Path) else value)}")
    return changes


def _at_checkpoints(recipe: Recipe) -> Recipe:
    model = recipe.model.model_copy(update={"path": newest_of(recipe.model.path)})
    labels = recipe.pseudo_labels
    if labels.model is not None:
        labels = labels.model_copy(update={"model": newest_of(labels.model)})
    return recipe.model_copy(update={"model": model, "pseudo_labels": labels})


def _extended(path: Path, above: Sequence[Path]) -> dict[str, Any]:
    """Return the data of a recipe file, merged over the recipe that it ``extends``: "nano", or a
    file by its path relative to the recipe."""
    return _upon_base(_read(path), path, above)


def _upon_base(own: Mapping[str, Any], path: Path, above: Sequence[Path]) -> dict[str, Any]:
    """Return the data of a recipe at ``path``, merged over the recipe that it ``extends``."""
    data = dict(own)
    base = data.pop("extends", None)
    if base is None:
        return data
    if not isinstance(base, str):
        raise ConfigError(f'{path}: extends must be "nano" or the path of a recipe, not {base!r}')
    other = NANO_RECIPE if base == NANO else path.parent / base
    if other.resolve() in {p.resolve() for p in (path, *above)}:
        raise ConfigError(f"{path}: extends {base}, which in turn extends {path}; break the circle")
    merged = _extended(other, (path, *above))
    for name, value in data.items():
        section = {"function": value} if name == "reward" and isinstance(value, str) else value
        inherited = merged.get(name)
        are_tables = isinstance(inherited, dict) and isinstance(section, dict)
        merged[name] = {**inherited, **section} if are_tables else section  # type: ignore[dict-item]
    return merged


def make_recipe(data: Mapping[str, Any], changes: Sequence[str], where: str) -> Recipe:
    """Return the recipe of resolved data, such as a run's recipe.json, with changes.

    ``where`` names the data in messages. Values without effect raise `ConfigError` only if
    ``changes`` set them; recorded values are read as they are.
    """
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: a recipe must be a table of sections")
    changed: dict[str, Any] = {k: dict(v) if isinstance(v, Mapping) else v for k, v in data.items()}
    for change in changes:
        _apply(changed, change)
    keys = _keys_of(changes)
    try:
        recipe = Recipe.model_validate(changed)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(
                _line("--set" if _is_about(e["loc"], keys) else where, e) for e in error.errors()
            )
        ) from None
    _refuse([f for f in faults(recipe) if keys & {*f.keys}], changes, where)
    return recipe


def _keys_of(changes: Sequence[str]) -> set[str]:
    """Return the keys that changes name."""
    return {c.partition("=")[0].strip() for c in changes}


def _refuse(refused: Sequence[RecipeFault], changes: Sequence[str], where: str) -> None:
    keys = _keys_of(changes)
    lines = [f"{'--set' if keys & {*f.keys} else where}: {f.message}" for f in refused]
    if lines:
        raise ConfigError("\n".join(lines))


def recorded_recipe(run: RunReader) -> Recipe:
    """Return the resolved recipe of a run. Raises `ConfigError` if this version cannot read the
    record."""
    return _recorded(run.read_json(RECORDED), run.path / RECORDED)


def _recorded(data: Any, path: Path) -> Recipe:
    """Return the recipe recorded at ``path``. A record of another version that has other keys is
    refused with the name of that version."""
    try:
        return make_recipe(data, (), str(path))
    except ConfigError:
        version = _version(path.parent)
        if version in (None, __version__):
            raise
        raise ConfigError(
            f"{path}: recorded by sparring {version}, whose recipes sparring {__version__} does "
            "not read: install that version, or train again"
        ) from None


def _version(directory: Path) -> str | None:
    """Return the version that made a run's directory, None where no record says it."""
    try:
        recorded = json.loads((directory / "environment.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    version = recorded.get("sparring") if isinstance(recorded, dict) else None
    return one_line(version, 40) if isinstance(version, str) else None


def differing(one: Recipe, other: Recipe) -> list[str]:
    """Return the ``section.key`` names in which two recipes differ.

    Setting a key to the value that an unset key would have makes no difference.
    """
    a, b = one.model_dump(), other.model_dump()
    changed = ["preset"] if one.preset is not other.preset else []
    for section in [s for s in a if s != "preset"]:
        for key in a[section]:
            name = f"{section}.{key}"
            values = [
                recipe.unset.get(name)
                if values_set[section][key] is None
                else values_set[section][key]
                for recipe, values_set in ((one, a), (other, b))
            ]
            if a[section][key] != b[section][key] and values[0] != values[1]:
                changed.append(name)
    return changed


def _read(path: Path) -> dict[str, Any]:
    """Read a recipe in TOML, or a run's recipe by its recipe.json or run directory."""
    try:
        if path.is_dir():
            if not (path / RECORDED).exists():
                raise ConfigError(
                    f"{path}: is a directory without a {RECORDED}; name a recipe file, or a run "
                    "directory"
                )
            path = path / RECORDED
        if path.suffix == ".json":
            data = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(data, dict):
                raise ConfigError(f"{path}: a recipe must be a table of sections")
            _recorded(data, path)
            return data
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such recipe") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:  # huge numbers and deep nesting too
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(f"{path}: not {kind}: {error}") from None


def _apply(data: dict[str, Any], change: str) -> None:
    key, sign, text = change.partition("=")
    parts = key.strip().split(".")
    if sign and parts == ["reward"]:
        parts = ["reward", "function"]
    if sign and parts == ["preset"]:
        data["preset"] = text.strip().strip("\"'")
        return
    if not sign or len(parts) != 2:
        raise ConfigError(f"--set {change}: must be section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"--set {change[:80]}: {error}") from None
    section = data.setdefault(parts[0], {})
    if parts[0] == "reward" and isinstance(section, str):
        section = data["reward"] = {"function": section}
    if not isinstance(section, dict):
        raise ConfigError(f"--set {change}: {parts[0]} is not a section")
    section[parts[1]] = value


def _is_about(place: tuple[int | str, ...], keys: Collection[str]) -> bool:
    """Return True if a fault at ``place`` concerns one of ``keys``.

    The place is the key itself or, for a fault between several keys, its section or the recipe.
    """
    if len(place) > 1:
        return ".".join(map(str, place[:2])) in keys
    return any(not place or k.partition(".")[0] == place[0] for k in keys)


def _line(where: str, error: Any) -> str:
    """Return the message for one of pydantic's errors."""
    path = [p if p.isprintable() else repr(p) for p in map(str, error["loc"])]
    name = ".".join(path)
    if error["type"] == "extra_forbidden":
        if name in KEY_BY_OTHER_NAME:
            return f"{where}: unknown key {name}; its name in a recipe is {KEY_BY_OTHER_NAME[name]}"
        known = _names(path[:-1])
        close = difflib.get_close_matches(path[-1], known, n=1)
        meant = ".".join([*path[:-1], *close])
        hint = f"did you mean {meant}?" if close else f"there are {', '.join(known)}"
        return f"{where}: unknown key {name}; {hint}"
    if error["type"] == "value_error" and isinstance(error["input"], Mapping):  # of several keys
        return ": ".join([where, *([name] if name else []), str(error["ctx"]["error"])])
    message = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return f"{where}: {name}: {message[0].lower()}{message[1:]}, not {error['input']!r}"


def _names(path: Sequence[str]) -> list[str]:
    fields = Recipe.model_fields
    if path and path[0] in fields:
        section = fields[path[0]].annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            fields = section.model_fields
    return list(fields)


def to_toml(recipe: Recipe) -> str:
    """Return the recipe as TOML, with a comment for each unset field."""
    lines = []
    for name, section in recipe:
        if not isinstance(section, BaseModel):
            lines += [f"{name} = {_toml(str(section))}", ""]
            continue
        lines.append(f"[{name}]")
        for key, value in section.model_dump(mode="json").items():
            lines.append(f"# {key} is not set" if value is None else f"{key} = {_toml(value)}")
        lines.append("")
    return "\n".join(lines)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def describe_fields() -> str:
    """Return a text with every field of a recipe, its default and its meaning."""
    lines = []
    for name, section in Recipe.model_fields.items():
        kind = section.annotation
        assert isinstance(kind, type)
        if not issubclass(kind, BaseModel):
            lines.append(f"{name} = {section.default}\n    {section.description}")
            continue
        lines.append(f"[{name}]")
        for key, field in kind.model_fields.items():
            default = field.default
            shown = "(text)" if isinstance(default, str) and "\n" in default else repr(default)
            shown = str(default) if isinstance(default, StrEnum) else shown
            lines.append(f"  {key} = {shown}\n      {field.description}")
    return "\n".join(lines)
