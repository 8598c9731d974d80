"""Names by which tests are known: to whoever reads a suite, and to the process that runs it.

What pytest collects goes by its names (``test…``, ``Test…``); what else a suite may define as its
tests goes by the words of a name (``check_solution``, ``run_tests``). What of pytest is given to a
suite, and which modules stand for the program under test, is said here once for both.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Collection

CHECK = "check"
CANDIDATE = "candidate"
_PYTEST_TEXT = "approx fail importorskip main mark param raises skip xfail"
PYTEST = frozenset(_PYTEST_TEXT.split())
"""What a suite may use of pytest. The sandbox has its own of each (``inside.pytest_names``)."""
_FIXTURES_TEXT = """cache capfd capfdbinary caplog capsys capsysbinary doctest_namespace
    monkeypatch pytestconfig record_property record_testsuite_property record_xml_attribute
    recwarn request testdir tmp_path tmp_path_factory tmpdir tmpdir_factory pytester subtests
    benchmark event_loop mocker faker"""
FIXTURES = frozenset(_FIXTURES_TEXT.split())
"""Fixtures of pytest and of plugins that are often met. None is given."""
_PACKAGES_TEXT = """attr attrs bs4 cv2 cython dateutil ddt django faker flask freezegun gmpy2
    hypothesis lxml matplotlib mock more_itertools mpmath nose nose2 numba networkx numpy pandas
    parameterized PIL polars pydantic pytest pytz requests scipy seaborn setuptools six sklearn
    sortedcontainers sqlalchemy statsmodels sympy tensorflow torch tqdm typing_extensions yaml"""
PACKAGES = frozenset(_PACKAGES_TEXT.split())
"""Packages that a suite may name. None of them is the program under test."""
_PROGRAMS_TEXT = """answer candidate implementation main module my_module my_solution program
    response solution solutions src submission target your_module your_solution"""
_PROGRAMS = frozenset(_PROGRAMS_TEXT.split())
_TESTS = {"assert", "assertion", "check", "checks", "ensure", "expect", "grade", "judge"}
_TESTS |= {"test", "tests", "validate", "verify"}
_LAST_OF_TESTS = {"assertion", "checks", "test", "tests"}
_ALSO_TESTS = {"main", "run", "run_all"}
_WORD = re.compile("[A-Z]?[a-z]+|[A-Z]+(?![a-z])")


def names_a_test(name: str) -> bool:
    """Whether a function of this name is a test's, or runs tests, by the words of the name."""
    words = [word.lower() for word in _WORD.findall(name)]
    if name.startswith("__") or "_".join(words) in _ALSO_TESTS:
        return True
    return bool(words) and (words[0] in _TESTS or words[-1] in _LAST_OF_TESTS)


def is_programs(
    module: str, names: Collection[str], tested: Collection[str], attributes: Collection[str]
) -> bool:
    """Whether an imported module stands for the program under test.

    `names` are those imported from it (``*`` for all, none for the module itself), `tested` what
    the function and its class are called, `attributes` those that the suite asks of anything. A
    module of the standard library is never the program, nor is a package that is known.
    """
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in PACKAGES:
        return False
    asked = names if names else attributes
    return "*" in names or any(name in asked for name in tested)


def seems_programs(module: str) -> bool:
    """Whether a module's name is one that data sets give to the program under test."""
    last = module.rpartition(".")[2]
    return module.partition(".")[0] not in sys.stdlib_module_names and last in _PROGRAMS


def tested_names(entry_point: str) -> tuple[str, ...]:
    """The names under which a suite may speak of the function: its own, and its class."""
    head, _, method = entry_point.partition(".")
    return (method, head) if method else (head,)
