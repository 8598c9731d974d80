"""Rows of LeetCodeDataset: its head, its entry points, its assertions, and what is refused."""

# ruff: noqa: E501 - rows as their data sets have them
from __future__ import annotations

from typing import Any

import pytest

from sparring.sandbox import Sandbox
from sparring.schema import TestKind
from sparring.tasks.rows.files import RawRow, file_rows
from tests.shared import shared
from tests.tasks.formats.running import fault, loaded, one, passes

HEAD = (
    "import random\nimport functools\nimport collections\nimport string\nimport math\nimport datetime\n\n"
    "from typing import *\nfrom functools import *\nfrom collections import *\nfrom itertools import *\n"
    "from heapq import *\nfrom bisect import *\nfrom string import *\nfrom operator import *\n"
    "from math import *\n\ninf = float('inf')\n\n"
    "class ListNode:\n    def __init__(self, val=0, next=None):\n        self.val = val\n"
    "        self.next = next\n\n"
    "def list_node(values: list):\n    return None\n"
)
ROW: dict[str, Any] = {
    "task_id": "pair-up",
    "question_id": 1,
    "difficulty": "Medium",
    "tags": ["Array"],
    "problem_description": "Return every pair of neighbours.\n\nExample 1: ...",
    "starter_code": "class Solution:\n    def pairUp(self, xs: List[int]) -> List[List[int]]:\n        ",
    "estimated_date": "2024-01-01",
    "prompt": HEAD,
    "completion": "class Solution:\n    def pairUp(self, xs: List[int]) -> List[List[int]]:\n"
    "        return [list(p) for p in pairwise(xs)]\n",
    "entry_point": "Solution().pairUp",
    "test": "def check(candidate):\n    assert candidate(xs = [1, 2, 3]) == [[1, 2], [2, 3]]\n"
    "    assert candidate(xs = []) == []\n",
    "input_output": [{"input": "xs = [1,2,3]", "output": "[[1, 2], [2, 3]]"}],
    "query": "You are an expert programmer. Return every pair of neighbours. class Solution: ...",
    "response": "```python\n...\n```",
}


def test_a_row_is_a_method_under_its_own_head(sandbox: Sandbox) -> None:
    found = loaded(ROW)
    [task] = found.tasks
    assert (task.id, task.entry_point, task.difficulty) == ("pair-up", "Solution.pairUp", "Medium")
    assert task.statement.startswith("Return every pair of neighbours.")
    assert "```python\nclass Solution:\n    def pairUp(self" in task.statement
    assert "import" not in task.statement
    assert task.head == HEAD.strip()
    assert task.solutions == (ROW["completion"],)  # what stands in the head is not its own
    assert [t.kind for t in task.tests] == [TestKind.CALL, TestKind.CALL]
    assert passes(sandbox, task, task.solutions[0]) == [True, True]
    assert passes(sandbox, task, ROW["completion"]) == [True, True]  # List, pairwise: from its head
    assert passes(sandbox, task, ROW["completion"].replace("list(p)", "p")) == [False, True]
    assert {"query", "response", "input_output"} & found.left_out.keys() == {
        "response",
        "input_output",
    }


VARIANTS: dict[str, tuple[dict[str, Any], str, str]] = {
    # (change, entry point, what the statement says)
    "infinity": (
        {"test": "def check(candidate):\n    assert candidate(x = 3) == inf\n"
         "    assert candidate(x = -inf) == float('-inf')\n",
         "entry_point": "Solution().up",
         "completion": "class Solution:\n    def up(self, x: float) -> float:\n"
         "        return x if x < 0 else inf\n"},
        "Solution.up", "neighbours",
    ),
    "function": (
        {"entry_point": "up", "completion": "def up(x):\n    return gcd(x, 6)\n",
         "test": "def check(candidate):\n    assert candidate(x = 4) == 2\n"},
        "up", "neighbours",
    ),
    "dotted": (
        {"entry_point": "Solution.up", "completion": "class Solution:\n    @cache\n    def up(self, x):\n"
         "        return deque([x])[0]\n",
         "test": "def check(candidate):\n    assert candidate(x = 4) == 4\n"},
        "Solution.up", "neighbours",
    ),
    "first_release": (
        {"problem_description": None, "starter_code": None, "query": None, "difficulty": None,
         "meta": {"difficulty": "Hard", "lang_code": "class Solution:", "question_title": "Title text",
                  "query": "Do it. Please complete the following python code precisely"}},
        "Solution.pairUp", "Please complete the following",
    ),
    "query": (
        {"problem_description": "", "starter_code": None}, "Solution.pairUp", "expert programmer",
    ),
    "no_solution": ({"completion": None}, "Solution.pairUp", "neighbours"),
    "no_head": (
        {"prompt": "", "completion": "class Solution:\n    def pairUp(self, xs):\n"
         "        return [[a, b] for a, b in zip(xs, xs[1:])]\n"},
        "Solution.pairUp", "neighbours",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_rows_of_its_releases_are_read_and_their_solutions_pass(
    sandbox: Sandbox, name: str
) -> None:
    change, entry, message = VARIANTS[name]
    task = one(ROW | change)
    assert task.entry_point == entry
    assert message in task.statement
    assert len(task.solutions) == (name != "no_solution")
    for solution in task.solutions:
        assert all(passes(sandbox, task, solution))
    if name == "first_release":
        assert task.difficulty == "Hard"


NODES = "def check(candidate):\n    assert is_same_list(candidate(head = list_node([1, 2])), list_node([2]))\n"


def test_rows_of_humanevals_shape_may_name_a_method_so(sandbox: Sandbox) -> None:
    row = {"task_id": "a", "prompt": "class Solution:\n    def f(self, x):\n", "entry_point": "Solution().f",
           "canonical_solution": "        return x + 1\n",
           "test": "def check(candidate):\n    assert candidate(x = 1) == 2\n"}  # fmt: skip
    task = one(row)
    assert task.entry_point == "Solution.f"
    assert passes(sandbox, task, task.solutions[0]) == [True]


@pytest.mark.parametrize("name", ["lcd.jsonl"])
def test_the_case_of_the_collection(sandbox: Sandbox, name: str) -> None:
    [raw] = file_rows(shared(f"cases/15-leetcodedataset/{name}"))
    assert isinstance(raw, RawRow)
    task = one(raw.row)
    assert task.statement.startswith("Return every number doubled.")
    assert passes(sandbox, task, raw.row["completion"]) == [True, True]


TREES = "def check(candidate):\n    assert candidate(root = tree_node([1, None, 2])) == 3\n"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": NODES}, "test: uses linked lists, whose nodes are not plain values"),
        ({"test": TREES}, "test: uses trees, whose nodes are not plain values"),
        ({"test": NODES + TREES[len("def check(candidate):\n") :]}, "uses linked lists and trees"),
        ({"entry_point": "Solution().a().b"}, "entry_point: 'Solution.a().b' is neither"),
        ({"completion": "class Solution(:"}, "completion: is not Python after prompt"),
        ({"test": None}, "test: is missing; the row has completion, difficulty"),
        ({"problem_description": None, "query": None}, "problem_description: is missing or blank"),
    ],
)
def test_what_is_not_carried_is_named(change: dict[str, Any], message: str) -> None:
    assert message in fault(ROW | change)
