"""Names by which tests are recognised, by the reader of a suite and by the process that runs it.

pytest collects tests by their names (``test…``, ``Test…``). Other tests of a suite are recognised
by the words of a name (``check_solution``, ``run_tests``). This module also lists, for both sides,
the names of pytest that a suite may use and the modules that stand for the program under test.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection

CHECK = "check"
CANDIDATE = "candidate"
_PYTEST_TEXT = "approx fail importorskip main mark param raises skip xfail"
PYTEST = frozenset(_PYTEST_TEXT.split())
"""Names of pytest that a suite may use. The sandbox has its own version of each
(``inside.pytest_names``)."""
_FIXTURES_TEXT = """cache capfd capfdbinary caplog capsys capsysbinary doctest_namespace
    monkeypatch pytestconfig record_property record_testsuite_property record_xml_attribute
    recwarn request testdir tmp_path tmp_path_factory tmpdir tmpdir_factory pytester subtests
    benchmark event_loop mocker faker"""
FIXTURES = frozenset(_FIXTURES_TEXT.split())
"""Fixtures of pytest and of common plugins. A suite gets none of them."""
_PACKAGES_TEXT = """attr attrs bs4 cv2 cython dateutil ddt django faker flask freezegun gmpy2
    hypothesis lxml matplotlib mock more_itertools mpmath nose nose2 numba networkx numpy pandas
    parameterized PIL polars pydantic pytest pytz requests scipy seaborn setuptools six sklearn
    sortedcontainers sqlalchemy statsmodels sympy tensorflow torch tqdm typing_extensions yaml"""
PACKAGES = frozenset(_PACKAGES_TEXT.split())
"""Packages that a suite may import. None of them is the program under test."""
_PROGRAMS_TEXT = """answer candidate implementation main module my_module my_solution program
    response solution solutions src submission target your_module your_solution"""
_PROGRAMS = frozenset(_PROGRAMS_TEXT.split())
_TESTS = {"assert", "assertion", "check", "checks", "ensure", "expect", "grade", "judge"}
_TESTS |= {"test", "tests", "validate", "verify"}
_LAST_OF_TESTS = {"assertion", "checks", "test", "tests"}
_ALSO_TESTS = {"main", "run", "run_all"}
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def names_a_test(name: str) -> bool:
    """Return True if a function of this name is a test or runs tests, by the words of the name."""
    words = [word.lower() for word in _WORD.findall(name)]
    if name.startswith("__") or "_".join(words) in _ALSO_TESTS:
        return True
    return bool(words) and (words[0] in _TESTS or words[-1] in _LAST_OF_TESTS)


def is_programs(
    module: str, names: Collection[str], tested: Collection[str], attributes: Collection[str]
) -> bool:
    """Return True if an imported module stands for the program under test.

    ``names``: the names imported from the module (``*`` for all, none for the module itself).
    ``tested``: the names of the function and its class. ``attributes``: the attributes that the
    suite uses of any object. A module of the standard library or a known package is never the
    program.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in PACKAGES:
        return False
    asked = names if names else attributes
    return "*" in names or any(name in asked for name in tested)


def seems_programs(module: str) -> bool:
    """Return True for a module name that data sets give to the program under test."""
    last = module.rpartition(".")[2]
    return module.partition(".")[0] not in sys.stdlib_module_names and last in _PROGRAMS


def tested_names(entry_point: str) -> tuple[str, ...]:
    """Return the names by which a suite may refer to the function: its own, and its class's."""
    head, _, method = entry_point.partition(".")
    return (method, head) if method else (head,)
