"""Rows of CodeContests and of open-r1/codeforces."""

# ruff: noqa: E501 - rows as their data sets have them
from __future__ import annotations

from typing import Any

import pytest

from sparring.sandbox import Level, Sandbox
from tests.tasks.formats.running import fault, loaded, one, passes, run

CODECONTESTS: dict[str, Any] = {
    "name": "900_A. Halves",
    "description": "Print half of n.\n\nExamples\n\nInput\n3\n\nOutput\n1.5",
    "public_tests": {"input": ["3\n"], "output": ["1.5\n"]},
    "private_tests": {"input": ["10\n"], "output": ["5.0\n"]},
    "generated_tests": {"input": ["1\n"], "output": ["YES 0.5\n"]},
    "source": 2,
    "difficulty": 7,
    "solutions": {"language": [2, 3, 1], "solution": ["int main() {}", "print('yes', int(input()) / 2)", "print 1"]},
    "incorrect_solutions": {"language": [3], "solution": ["print(0)"]},
    "cf_contest_id": 900,
    "cf_index": "A",
    "cf_points": 500.0,
    "cf_rating": 800,
    "cf_tags": ["math"],
    "is_description_translated": False,
    "untranslated_description": "",
    "time_limit": {"seconds": 2, "nanos": 500000000},
    "memory_limit_bytes": 256000000,
    "input_file": "",
    "output_file": "",
}  # fmt: skip
CODEFORCES: dict[str, Any] = {
    "id": "900/A",
    "aliases": None,
    "contest_id": "900",
    "contest_name": "Round",
    "contest_type": "CF",
    "contest_start": 1,
    "contest_start_year": 2020,
    "index": "A",
    "time_limit": 2.0,
    "memory_limit": 256.0,
    "title": "Any divisor",
    "description": "Print a divisor of n.",
    "input_format": "One number n.",
    "output_format": "Any divisor.",
    "interaction_format": None,
    "note": "1 will do.",
    "examples": [{"input": "4\n", "output": "2\n"}],
    "editorial": None,
    "rating": 800.0,
    "tags": ["math"],
    "testset_size": 2,
    "official_tests": [{"input": "4\n", "output": "2\n"}, {"input": "9\n", "output": "3\n"}],
    "official_tests_complete": True,
    "input_mode": "stdio",
    "generated_checker": None,
    "executable": True,
    "generated_tests": 0,
}
CHECKER = """import sys

def main():
    input_file, correct, answer = sys.argv[1:4]
    n = int(open(input_file).read())
    with open(answer) as file:
        words = file.read().split()
    if len(words) != 1 or not words[0].isdigit() or int(words[0]) == 0:
        print(0)
        return
    print(1 if n % int(words[0]) == 0 else 0)

if __name__ == "__main__":
    main()
"""


def test_a_row_of_codecontests(sandbox: Sandbox) -> None:
    found = loaded(CODECONTESTS)
    [task] = found.tasks
    assert task.id == "codeforces/900_A. Halves"
    assert [t.input for t in task.examples] == ["3\n"]
    assert [t.input for t in task.tests] == ["10\n", "1\n"]
    assert (task.time_limit, task.memory_limit, task.difficulty) == (2.5, 244, "A")
    assert task.solutions == ("print('yes', int(input()) / 2)",)
    assert passes(sandbox, task, task.solutions[0]) == [False, True]  # YES is yes
    assert passes(sandbox, task, "print(int(input()) / 2 + 9e-6)") == [True, False]
    assert "incorrect_solutions" in found.left_out


def test_codecontests_in_its_other_forms() -> None:
    pairs = [{"input": "1\n", "output": "1\n"}]
    row = CODECONTESTS | {
        "public_tests": pairs,
        "private_tests": [],
        "generated_tests": None,
        "solutions": [{"language": "PYTHON3", "solution": "print(1)"}],
        "time_limit": None,
        "memory_limit_bytes": 0,
        "source": "AIZU",
        "difficulty": 0,
    }
    task = one(row)
    assert ([t.input for t in task.tests], task.examples) == (["1\n"], ())
    assert (task.id, task.time_limit, task.memory_limit, task.difficulty) == (
        "aizu/900_A. Halves", 10.0, 256, None,
    )  # fmt: skip
    assert task.solutions == ("print(1)",)
    for difficulty, wanted in ((1, "easy"), (3, "hard"), (17, "K"), (19, "L"), (6, "external")):
        assert one(row | {"difficulty": difficulty}).difficulty == wanted
    assert one(row | {"time_limit": {"seconds": 0, "nanos": 500000000}}).time_limit == 0.5
    assert one(row | {"time_limit": {"seconds": 3, "nanos": None}}).time_limit == 3.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_file": "in.txt"}, "input_file: is 'in.txt': programs that read a named file"),
        ({"output_file": "out.txt"}, "output_file: is 'out.txt': programs that write a named file"),
        (
            {"private_tests": {"input": ["1"], "output": []}},
            "private_tests: has 1 inputs but 0 outputs",
        ),
        (
            {"public_tests": None, "private_tests": None, "generated_tests": None},
            "has no test, nor have public_tests",
        ),
        ({"description": None}, "description: is missing; the row has cf_contest"),
        ({"time_limit": "soon"}, "time_limit: "),
        ({"memory_limit_bytes": "x"}, "memory_limit_bytes: "),
        ({"solutions": {"language": [3], "solution": []}}, "solutions: has 1 inputs but 0 outputs"),
    ],
)
def test_bad_rows_of_codecontests_are_one_line(change: dict[str, Any], message: str) -> None:
    row = CODECONTESTS | change
    if message.startswith("description"):
        message = "description: is missing; the row has difficulty"
    assert message in fault(row)


def test_a_row_of_codeforces_compares_words(sandbox: Sandbox) -> None:
    found = loaded(CODEFORCES)
    [task] = found.tasks
    assert (task.id, task.checker, task.difficulty) == ("900/A", "tokens", "800")
    assert task.statement.split("\n\n") == [
        "# Any divisor", "Print a divisor of n.", "## Input\nOne number n.", "## Output\nAny divisor.",
        "## Note\n1 will do.",
    ]  # fmt: skip
    assert [t.input for t in task.examples] == ["4\n"]
    assert passes(sandbox, task, "print(int(int(input()) ** 0.5))") == [True, True]
    assert passes(sandbox, task, "print(1)") == [False, False]
    assert "editorial" in found.left_out


CHECKERS = {
    "as_published": CHECKER,
    "exits": "import sys\na, b, c = sys.argv[1:]\nprint(int(int(open(a).read()) % int(open(c).read()) == 0))\n"
    "sys.exit(0)\n",
    "pathlib": "import sys\nfrom pathlib import Path\nn, m = (int(Path(p).read_text()) for p in (sys.argv[1], sys.argv[3]))\n"
    "sys.stdout.write('1\\n' if n % m == 0 else '0')\n",
}  # fmt: skip


@pytest.mark.parametrize("name", CHECKERS)
@pytest.mark.parametrize("level", list(Level))
def test_checkers_that_are_programs(name: str, level: Level) -> None:
    task = one(CODEFORCES | {"generated_checker": CHECKERS[name]})
    assert task.checker == "program"
    with Sandbox(workers=1, level=level) as sandbox:
        assert passes(sandbox, task, "print(1)") == [True, True]
        assert passes(sandbox, task, "print(int(input()))") == [True, True]
        assert passes(sandbox, task, "print(7)") == [False, False]
        assert passes(sandbox, task, "print('x')") == [False, False]


def test_a_checker_that_fails_accepts_nothing(sandbox: Sandbox) -> None:
    for checker in (
        "print(1)\nraise SystemExit(1)\n",
        "print(1)\n1 / 0\n",
        "print(0.5)\n",
        "print(1)\nprint(1)\n",
        "",
        "print(open(__import__('sys').argv[3]).read())\n",
    ):
        task = one(CODEFORCES | {"generated_checker": checker or None})
        wanted = [checker.startswith("print(open"), checker.startswith("print(open")]
        assert passes(sandbox, task, "print(1)") == wanted
    # What a program prints is data to the checker.
    task = one(CODEFORCES | {"generated_checker": CHECKER})
    assert run(sandbox, task, "print('accepted')") == ["wrong_answer", "wrong_answer"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"interaction_format": "Ask up to 20 questions."},
            "interaction_format: is given: interactive problems",
        ),
        ({"input_mode": "file"}, "input_mode: is 'file': only programs on standard input"),
        ({"official_tests": []}, "official_tests: has no test"),
        (
            {"official_tests": ["1"]},
            "official_tests: must be a list of objects with input and output",
        ),
        ({"generated_checker": "def ("}, "generated_checker: is not Python"),
        ({"time_limit": "x"}, "time_limit: "),
        ({"id": None}, "id: is missing; the row has contest_id"),
    ],
)
def test_bad_rows_of_codeforces_are_one_line(change: dict[str, Any], message: str) -> None:
    if "id" in change:
        message = "id: is missing; the row has description"
    assert message in fault(CODEFORCES | change)
