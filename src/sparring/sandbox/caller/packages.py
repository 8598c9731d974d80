"""Packages for programs, from an environment that the user names: which files, and of what version.

`given` looks the packages up in the environment's metadata (PEP 376, 503, 508), takes what they
require along and lists the files that make them up: whole directories where a directory is theirs
alone. Nothing of the environment is imported here, and nothing else of it is given. The list goes
to the workers, which show it to programs read-only (`shown`).
"""

from __future__ import annotations

import importlib.machinery
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import Distribution, DistributionFinder, MetadataPathFinder
from pathlib import Path

from sparring.errors import SandboxError
from sparring.sandbox.caller.markers import wanted_by

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_PYTHON = re.compile(r"python(\d+\.\d+)t?")
_OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
_EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Packages:
    """What programs may import beside the standard library."""

    versions: tuple[tuple[str, str], ...] = ()
    """Name and version of each distribution, those along with them too, by name."""
    files: tuple[tuple[str, str], ...] = ()
    """What lies where: a path as programs see it, below one directory, and the file or directory
    of this host."""
    modules: tuple[str, ...] = ()
    """The modules that can be imported, without those inside a package."""

    def text(self) -> str:
        """Names and versions in a line; empty without any. Part of what outcomes are kept by."""
        return " ".join(f"{name}=={version}" for name, version in self.versions)

    def sites(self) -> list[str]:
        """The directories of this host that they are from."""
        places = [real.removesuffix(path).rstrip("/") for path, real in self.files]
        return list(dict.fromkeys(places))


NO_PACKAGES = Packages()


def given(names: Sequence[str], place: str | None = None) -> Packages:
    """These packages and what they require. `place`: an environment's directory, its Python or its
    ``site-packages``; by default the environment that this runs in.

    Raises `SandboxError` with what is missing or does not fit.
    """
    if not names:
        if place:
            raise SandboxError(f"packages are to come from {place}, and none is named: name some.")
        return NO_PACKAGES
    directories = _site_packages(place)
    found: dict[str, Distribution] = {}
    for name in names:
        _take(name, "", directories, found)
    files: dict[str, str] = {}
    modules: dict[str, None] = {}
    for name, one in sorted(found.items()):
        for path, real in _files(name, one):
            files[path] = real
            modules |= dict.fromkeys(_module(path))
    _no_clash(modules)
    versions = tuple((name, one.version) for name, one in sorted(found.items()))
    return Packages(versions, tuple(sorted(files.items())), tuple(sorted(modules)))


def link(directory: Path, files: Sequence[tuple[str, str]]) -> None:
    """Make a directory of links, which lead to the files of `Packages.files`."""
    directory.mkdir(mode=0o755)
    for path, real in files:
        place = directory / path
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        place.symlink_to(real)


def _take(
    requirement: str, of: str, directories: Sequence[str], found: dict[str, Distribution]
) -> None:
    match = _NAME.match(requirement)
    if match is None or (not of and match[0] != requirement):
        raise SandboxError(f"{requirement!r} is no name of a package: give a name such as numpy.")
    name = _normal(match[1])
    if name in found:
        return
    where = directories[0]
    one = _found(name, directories)
    if one is None and not of:  # a module's name, as an error says it: PIL of pillow
        one = _with_module(match[1], directories)
        name = _normal(one.name) if one is not None else name
    if one is None:
        told = f", which {of} requires," if of else ""
        raise SandboxError(
            f"package {name}{told} is not installed in {where}: install it there, or name the "
            "environment that has it (packages_from, --packages-from)."
        )
    found[name] = one
    for further in one.requires or ():
        if wanted_by(further):
            _take(further, name, directories, found)


def _found(name: str, directories: Sequence[str]) -> Distribution | None:
    """The distribution of this name, by its metadata: directories are spelt in several ways."""
    places = [*directories]
    by_name = DistributionFinder.Context(name=name, path=places)
    for context in (by_name, DistributionFinder.Context(path=places)):
        for one in MetadataPathFinder.find_distributions(context):
            if one.name and _normal(one.name) == name:
                return one
    return None


def _with_module(module: str, directories: Sequence[str]) -> Distribution | None:
    """The distribution that holds a module."""
    every = MetadataPathFinder.find_distributions(DistributionFinder.Context(path=[*directories]))
    holds = (f"{module}/__init__.py", f"{module}.py")
    return next((d for d in every if any(str(f) in holds for f in d.files or ())), None)


def _files(name: str, one: Distribution) -> Iterator[tuple[str, str]]:
    """(path below site-packages, real path) of what makes it up, as few as possible."""
    if one.files is None:
        raise SandboxError(
            f"package {name} has no list of its files (RECORD): install it with pip."
        )
    inside = [f for f in one.files if ".." not in f.parts and not Path(str(f)).is_absolute()]
    owned = {str(f) for f in inside}
    parts = [tuple(f.parts) for f in inside]
    site = Path(str(one.locate_file("")))
    if any(len(p) == 1 and p[0].endswith((".pth", ".egg-link")) for p in parts) and not any(
        p[-1] == "__init__.py" or (len(p) == 1 and p[0].endswith(".py")) for p in parts
    ):
        raise SandboxError(f"package {name} is installed as editable: install it from a wheel.")
    _fits(name, (p[-1] for p in parts))
    taken: dict[str, None] = {}
    for part in parts:
        taken[_whole(part, owned)] = None
    for path in taken:
        real = site / path
        if real.exists():  # caches and scripts may have been removed since
            yield path, str(real.resolve())


def _whole(parts: tuple[str, ...], owned: set[str]) -> str:
    """The highest directory above a file that is the distribution's own, or the file itself."""
    for depth in range(1, len(parts)):
        directory = "/".join(parts[:depth])
        own = f"{directory}/__init__.py" in owned
        if own or parts[depth - 1].endswith((".dist-info", ".libs", ".data")):
            return directory
    return "/".join(parts)


def _fits(name: str, files: Iterable[str]) -> None:
    """Refuse compiled modules that are for another Python alone."""
    compiled = [f for f in files if f.endswith((".so", ".pyd"))]
    ours = tuple(suffix for suffix in _EXTENSIONS if suffix.count(".") > 1)  # that name a Python
    foreign = [f for f in compiled if ".cpython-" in f and not f.endswith(ours)]
    if foreign and not any(f.endswith(ours) for f in compiled):
        raise SandboxError(
            f"package {name} is compiled for another Python ({foreign[0]}), and programs run under "
            f"{_OURS} ({sysconfig.get_config_var('SOABI')}): name an environment of this Python."
        )


def _module(path: str) -> list[str]:
    """The module that a top-level path makes, if it does."""
    top = path.partition("/")[0]
    if top.endswith((".dist-info", ".libs", ".data", ".pth")) or top == "__pycache__":
        return []
    for suffix in (*_EXTENSIONS, ".py"):
        if top.endswith(suffix):
            top = top.removesuffix(suffix)
            break
    return [top] if top.isidentifier() else []


def _no_clash(modules: Iterable[str]) -> None:
    if clash := sorted(set(modules) & sys.stdlib_module_names):
        raise SandboxError(f"a package has a module of the standard library's name: {clash[0]}.")


def _site_packages(place: str | None) -> list[str]:
    """The directories of an environment that hold its packages."""
    if place is None:
        return list(dict.fromkeys(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")))
    path = Path(place).expanduser()
    if path.is_file():  # bin/python; not resolved: a venv's is a link to another's
        path = path.absolute().parent.parent
    if not path.is_dir():
        raise SandboxError(f"packages_from {place}: there is no such directory.")
    path = path.absolute()
    if path.name in ("site-packages", "dist-packages") or any(path.glob("*.dist-info")):
        _same_python(place, _PYTHON.fullmatch(path.parent.name))
        return [str(path)]
    sites = [
        s for lib in ("lib", "lib64") for s in sorted(path.glob(f"{lib}/python*/site-packages"))
    ]
    if not sites:
        raise SandboxError(
            f"packages_from {place}: holds no packages (lib/python{_OURS}/site-packages): name the "
            "directory of a virtual environment, its python, or its site-packages."
        )
    ours = [str(s) for s in sites if (m := _PYTHON.fullmatch(s.parent.name)) and m[1] == _OURS]
    if not ours:
        _same_python(place, _PYTHON.fullmatch(sites[0].parent.name))
    return ours


def _same_python(place: str, found: re.Match[str] | None) -> None:
    if found is not None and found[1] != _OURS:
        raise SandboxError(
            f"packages_from {place}: is of Python {found[1]}, and programs run under {_OURS}: name "
            "an environment of this Python."
        )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
