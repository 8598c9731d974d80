"""Finding the files and versions of packages that programs may import.

`find_packages` looks the packages up in the metadata of an environment (PEP 376, 503, 508), adds
the packages that they require, and lists their files. If a directory belongs to one package alone,
the list holds the whole directory. Nothing of the environment is imported, and programs receive no
other files of the environment. The list goes to the workers, which show the files to programs
read-only (`package_files`).
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
from sparring.sandbox.caller.markers import holds_here

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_PYTHON = re.compile(r"python(\d+\.\d+)t?")
_OURS = f"{sys.version_info.major}.{sys.version_info.minor}"
_EXTENSIONS = tuple(importlib.machinery.EXTENSION_SUFFIXES)


@dataclass(frozen=True, slots=True)
class Packages:
    """Packages that programs may import beside the standard library."""

    versions: tuple[tuple[str, str], ...] = ()
    """Name and version of each distribution, required ones included, sorted by name."""
    files: tuple[tuple[str, str], ...] = ()
    """Pairs of a path as programs see it, relative to one directory, and the file or directory of
    this host that lies there."""
    modules: tuple[str, ...] = ()
    """Top-level modules that can be imported."""

    def text(self) -> str:
        """Return names and versions in one line, a part of the keys of outcomes."""
        return " ".join(f"{name}=={version}" for name, version in self.versions)

    def sites(self) -> list[str]:
        """Return the directories of this host that hold the packages."""
        places = [real.removesuffix(path).rstrip("/") for path, real in self.files]
        return list(dict.fromkeys(places))


NO_PACKAGES = Packages()


def find_packages(names: Sequence[str], place: str | None = None) -> Packages:
    """Find packages by name, and the packages that they require.

    `place` is an environment's directory, its Python or its ``site-packages``; the default is the
    environment of this process. Raises `SandboxError` if a package is missing or does not fit.
    """
    if not names:
        if place:
            raise SandboxError(f"packages_from is {place}, but packages is empty: name a package.")
        return NO_PACKAGES
    directories = _site_packages(place)
    by_name: dict[str, Distribution] = {}
    for name in names:
        _take(name, "", directories, by_name)
    files: dict[str, str] = {}
    modules: dict[str, None] = {}
    for name, distribution in sorted(by_name.items()):
        for path, real in _files(name, distribution):
            files[path] = real
            modules |= dict.fromkeys(_module(path))
    _no_clash(modules)
    versions = tuple((name, each.version) for name, each in sorted(by_name.items()))
    return Packages(versions, tuple(sorted(files.items())), tuple(sorted(modules)))


def link(directory: Path, files: Sequence[tuple[str, str]]) -> None:
    """Make `directory`, with links to the files of `Packages.files`."""
    directory.mkdir(mode=0o755)
    for path, real in files:
        place = directory / path
        place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        place.symlink_to(real)


def _take(
    requirement: str, of: str, directories: Sequence[str], by_name: dict[str, Distribution]
) -> None:
    """Add the distribution of a requirement, and those that it requires, to `by_name`.

    `of` is the package that states the requirement; empty for a name that the user gave.
    """
    match = _NAME.match(requirement)
    if match is None or (not of and match[0] != requirement):
        raise SandboxError(f"{requirement!r} is no name of a package: give a name such as numpy.")
    name = _normal(match[1])
    if name in by_name:
        return
    where = directories[0]
    distribution = _by_metadata(name, directories)
    if distribution is None and not of:  # users copy a module's name from an error: PIL of pillow
        distribution = _with_module(match[1], directories)
        name = _normal(distribution.name) if distribution is not None else name
    if distribution is None:
        required_by = f", which {of} requires," if of else ""
        raise SandboxError(
            f"package {name}{required_by} is not installed in {where}: install it there, or name "
            "the environment that has it (packages_from, --packages-from)."
        )
    by_name[name] = distribution
    for further in distribution.requires or ():
        if holds_here(further):
            _take(further, name, directories, by_name)


def _by_metadata(name: str, directories: Sequence[str]) -> Distribution | None:
    """Return the distribution whose metadata has this name.

    The finder first looks for a directory by its spelling. Spellings differ, so it then looks
    through all directories.
    """
    places = [*directories]
    by_name = DistributionFinder.Context(name=name, path=places)
    for context in (by_name, DistributionFinder.Context(path=places)):
        for distribution in MetadataPathFinder.find_distributions(context):
            if distribution.name and _normal(distribution.name) == name:
                return distribution
    return None


def _with_module(module: str, directories: Sequence[str]) -> Distribution | None:
    """Return the distribution that holds a module."""
    every = MetadataPathFinder.find_distributions(DistributionFinder.Context(path=[*directories]))
    holds = (f"{module}/__init__.py", f"{module}.py")
    return next((d for d in every if any(str(f) in holds for f in d.files or ())), None)


def _files(name: str, distribution: Distribution) -> Iterator[tuple[str, str]]:
    """Yield (path below site-packages, real path) of a distribution's parts, as few as possible."""
    if distribution.files is None:
        raise SandboxError(
            f"package {name} has no list of its files (RECORD): install it with pip."
        )
    inside = [
        f for f in distribution.files if ".." not in f.parts and not Path(str(f)).is_absolute()
    ]
    owned = {str(f) for f in inside}
    parts = [tuple(f.parts) for f in inside]
    site = Path(str(distribution.locate_file("")))
    if any(len(p) == 1 and p[0].endswith((".pth", ".egg-link")) for p in parts) and not any(
        p[-1] == "__init__.py" or (len(p) == 1 and p[0].endswith(".py")) for p in parts
    ):
        raise SandboxError(f"package {name} is installed as editable: install it from a wheel.")
    _fits(name, (p[-1] for p in parts))
    taken: dict[str, None] = {}
    for part in parts:
        taken[_highest_own(part, owned)] = None
    for path in taken:
        real = site / path
        if real.exists():  # caches and scripts may have been removed since the installation
            yield path, str(real.resolve())


def _highest_own(parts: tuple[str, ...], owned: set[str]) -> str:
    """Return the highest directory above a file that is the distribution's own, or the file."""
    for depth in range(1, len(parts)):
        directory = "/".join(parts[:depth])
        own = f"{directory}/__init__.py" in owned
        if own or parts[depth - 1].endswith((".dist-info", ".libs", ".data")):
            return directory
    return "/".join(parts)


def _fits(name: str, files: Iterable[str]) -> None:
    """Refuse a package whose compiled modules are all for another Python."""
    compiled = [f for f in files if f.endswith((".so", ".pyd"))]
    ours = tuple(suffix for suffix in _EXTENSIONS if suffix.count(".") > 1)  # `.cpython-312-….so`
    others = [f for f in compiled if ".cpython-" in f and not f.endswith(ours)]
    if others and not any(f.endswith(ours) for f in compiled):
        raise SandboxError(
            f"package {name} is compiled for another Python ({others[0]}), but programs run under "
            f"{_OURS} ({sysconfig.get_config_var('SOABI')}): name an environment of this Python."
        )


def _module(path: str) -> list[str]:
    """Return the module that a top-level path defines, as a list of at most one name."""
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
        raise SandboxError(
            f"a package has a module {clash[0]}, a name of the standard library: leave it out."
        )


def _site_packages(place: str | None) -> list[str]:
    """Return the directories of an environment that hold its packages."""
    if place is None:
        return list(dict.fromkeys(sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")))
    path = Path(place).expanduser()
    if path.is_file():  # bin/python, not resolved: in a virtual environment it is a link
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


def _same_python(place: str, version: re.Match[str] | None) -> None:
    if version is not None and version[1] != _OURS:
        raise SandboxError(
            f"packages_from {place}: is of Python {version[1]}, but programs run under {_OURS}: "
            "name an environment of this Python."
        )


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
