"""Reading recipes: TOML files, ``--set section.key=value`` changes, and what to say of faults.

An unknown key is an error with a suggestion, never ignored.
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

from sparring.config.faults import Fault, faults
from sparring.config.recipe import Recipe
from sparring.errors import ConfigError
from sparring.policy.settings import NANO, Engine
from sparring.runs.checkpoints import newest_of
from sparring.runs.reader import RunReader

NANO_RECIPE = Path(__file__).parent / "nano.toml"
"""The recipe that uses it: what `sparring train` runs without arguments."""
RECORDED = "recipe.json"
"""The resolved recipe in a run's directory."""
_REQUEST_SECONDS = 900.0
"""The default of vllm.request_seconds, which earlier versions had in the place of stall_seconds."""


def load_recipe(path: Path | None, changes: Sequence[str] = ()) -> Recipe:
    """The recipe of a file (None: the defaults) with ``section.key=value`` changes.

    Raises `ConfigError`, one line per fault, also of what would be without effect (`faults`).
    """
    data = _extended(path, ()) if path is not None else {}
    where = str(path) if path else "recipe"
    recipe = make_recipe(data, changes, where)
    _refuse(faults(recipe), changes, where)
    return _at_checkpoints(recipe)


def _at_checkpoints(recipe: Recipe) -> Recipe:
    """The recipe with the newest checkpoint for a run that it names as a model."""
    model = recipe.model.model_copy(update={"path": newest_of(recipe.model.path)})
    by = recipe.supervision
    if by.model is not None:
        by = by.model_copy(update={"model": newest_of(by.model)})
    return recipe.model_copy(update={"model": model, "supervision": by})


def _extended(path: Path, above: Sequence[Path]) -> dict[str, Any]:
    """The data of a recipe upon those of the one that it ``extends``: "nano", or a file beside
    it. The preset's values lie under both."""
    data = _read(path)
    base = data.pop("extends", None)
    if base is None:
        return data
    if not isinstance(base, str):
        raise ConfigError(f'{path}: extends must be "nano" or the path of a recipe, not {base!r}')
    other = NANO_RECIPE if base == NANO else path.parent / base
    if other.resolve() in {p.resolve() for p in (path, *above)}:
        raise ConfigError(f"{path}: extends {base}, which comes back to a recipe that extends it")
    found = _extended(other, (path, *above))
    for name, value in data.items():
        own = {"function": value} if name == "reward" and isinstance(value, str) else value
        under = found.get(name)
        both = isinstance(under, dict) and isinstance(own, dict)
        found[name] = {**under, **own} if both else own  # type: ignore[dict-item]
    return found


def make_recipe(data: Mapping[str, Any], changes: Sequence[str], where: str) -> Recipe:
    """The recipe of resolved data, as in a run's recipe.json, with changes. Of what is without
    effect the changes' faults alone are refused: a record is read as it is."""
    if not isinstance(data, Mapping):
        raise ConfigError(f"{where}: a recipe must be a table of sections")
    changed: dict[str, Any] = {k: dict(v) if isinstance(v, Mapping) else v for k, v in data.items()}
    for change in changes:
        _apply(changed, change)
    given = _given(changes)
    try:
        recipe = Recipe.model_validate(changed)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(
                _line("--set" if _named(e["loc"], given) else where, e) for e in error.errors()
            )
        ) from None
    _refuse([f for f in faults(recipe) if given & {*f.keys}], changes, where)
    return recipe


def _given(changes: Sequence[str]) -> set[str]:
    """The keys that changes name."""
    return {c.partition("=")[0].strip() for c in changes}


def _refuse(found: Sequence[Fault], changes: Sequence[str], where: str) -> None:
    given = _given(changes)
    lines = [f"{'--set' if given & {*f.keys} else where}: {f.told}" for f in found]
    if lines:
        raise ConfigError("\n".join(lines))


def recorded_recipe(run: RunReader) -> Recipe:
    """The resolved recipe of a run. Raises `ConfigError` if this version cannot read it."""
    data = _of_a_run(run.read_json(RECORDED))
    return make_recipe(data, (), str(run.path / RECORDED))


def _of_a_run(data: Any) -> Any:
    """Recorded data with what earlier versions did where they said nothing, and in the keys of now
    what they had in others. A run records all of its keys, so every earlier one has these."""
    if not isinstance(data, dict):
        return data
    if isinstance(tasks := data.get("tasks"), dict):
        tasks.setdefault("withheld_tests", 0)  # as it was before there were any
    sections = [data.get(name) for name in ("sampling", "supervision")]
    engines = {s.get("engine", Engine.LOCAL) for s in sections if isinstance(s, dict)}
    vllm = data.get("vllm")
    if engines == {Engine.LOCAL}:
        data.pop("vllm", None)  # defaults of then, which are no settings of a run without servers
    elif isinstance(vllm, dict) and "request_seconds" in vllm:
        longest = vllm.pop("request_seconds")
        if longest != _REQUEST_SECONDS:
            vllm.setdefault("stall_seconds", longest)
    return data


def differing(one: Recipe, other: Recipe) -> list[str]:
    """The ``section.key`` names in which two recipes differ: what one of them says and the other
    means by saying nothing is no difference."""
    a, b = one.model_dump(), other.model_dump()
    changed = ["preset"] if one.preset is not other.preset else []
    for section in [s for s in a if s != "preset"]:
        for key in a[section]:
            name = f"{section}.{key}"
            values = [
                recipe.unset.get(name) if given[section][key] is None else given[section][key]
                for recipe, given in ((one, a), (other, b))
            ]
            if a[section][key] != b[section][key] and values[0] != values[1]:
                changed.append(name)
    return changed


def _read(path: Path) -> dict[str, Any]:
    """A recipe in TOML, or as a run keeps it: its directory or the recipe.json in it."""
    try:
        if path.is_dir():
            if not (path / RECORDED).exists():
                raise ConfigError(
                    f"{path}: is a directory without a {RECORDED}; name a recipe, or that of a run"
                )
            path = path / RECORDED
        if path.suffix == ".json":
            found = _of_a_run(json.loads(path.read_text(encoding="utf-8")))
            if not isinstance(found, dict):
                raise ConfigError(f"{path}: a recipe must be a table of sections")
            return found
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such recipe") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond all measure as well
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


def _named(place: tuple[int | str, ...], given: Collection[str]) -> bool:
    """Whether a fault is of what was ``given``, or lies between it and other keys of its section,
    or between sections."""
    if len(place) > 1:
        return ".".join(map(str, place[:2])) in given
    return any(not place or k.partition(".")[0] == place[0] for k in given)


def _line(where: str, error: Any) -> str:
    """One line for one fault."""
    path = [p if p.isprintable() else repr(p) for p in map(str, error["loc"])]
    name = ".".join(path)
    if error["type"] == "extra_forbidden":
        known = _names(path[:-1])
        close = difflib.get_close_matches(path[-1], known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
        if name == "vllm.request_seconds":
            hint = "it is vllm.stall_seconds now, the time without a new token"
        return f"{where}: unknown key {name}; {hint}"
    if error["type"] == "value_error" and isinstance(error["input"], Mapping):  # of several keys
        return ": ".join([where, *([name] if name else []), str(error["ctx"]["error"])])
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return f"{where}: {name}: {said[0].lower()}{said[1:]}, not {error['input']!r}"


def _names(path: Sequence[str]) -> list[str]:
    fields = Recipe.model_fields
    if path and path[0] in fields:
        section = fields[path[0]].annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            fields = section.model_fields
    return list(fields)


def to_toml(recipe: Recipe) -> str:
    """The recipe as TOML; a field that is unset is a comment."""
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
    if isinstance(value, list):
        return "[" + ", ".join(_toml(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def describe_fields() -> str:
    """Every field with its default and meaning."""
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
