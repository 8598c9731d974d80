"""Examples of functions, read from docstrings, sentences, assertions and sections."""

from __future__ import annotations

from typing import Any

import pytest

from sparring import values
from sparring.schema import TestKind
from sparring.solving.problems.problem import read_problem
from sparring.tasks.checkers.checker import accepts

HEAD = 'def f(x, y=0):\n    """Add.\n\n    {}\n    """\n'
ONE = 'def f(x):\n    """Do.\n\n    {}\n    """\n'


def examples_of(text: str) -> list[tuple[list[Any], dict[str, Any], Any]]:
    """Return the examples that are read, as arguments, named arguments and value."""
    task = read_problem(text).task
    assert {t.kind for t in task.examples} <= {TestKind.CALL}
    return [(*values.decode(t.input), values.decode(t.output)) for t in task.examples]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("f(2) == 4", 4),
        ("f(2) = 4", 4),
        ("f(2) -> 4", 4),
        ("f(2) --> 4", 4),
        ("f(2)->4", 4),
        ("f(2) => 4", 4),
        ("f(2) ==> 4", 4),
        ("f(2) ➞ 4", 4),
        ("f(2) → 4", 4),
        ("f(2) # => 4", 4),
        ("f(2)  # 4", 4),
        ("f(2)  # returns 4", 4),
        ("f(2) // 4", 4),
        ("f(2);     // 4", 4),
        ("f(2) returns 4", 4),
        ("f(2) should return 4.", 4),
        ("f(2) should\n    return 4 and nothing else", 4),
        ("f(2) will return [4, 5]", [4, 5]),
        ("f(2) is 4.", 4),
        ("- f(2) == 4", 4),
        ("* `f(2)` -> `4`", 4),
        ("1. f(2) == 4, because 2 * 2 is 4", 4),
        (">>> f(2) == 4", 4),
        (">>> f(2)\n    4", 4),
        (">>> x = 2\n    >>> f(x)\n    4", 4),
        (">>> f(\n    ...     2)\n    4", 4),
        ("for f(2) == 4", 4),
        ("f(2) => true", True),
        ("f(2) == None", None),
        ("f(2) ==> ['a', \"b\"]  # sorted", ["a", "b"]),
        ("f(2) == {'a': [1, 2]}", {"a": [1, 2]}),
        ("f(2) == (1, 2)", (1, 2)),
        ("f(2) == -1", -1),
        ("f(2) == 'it''s' ", None),
        ("assert f(2) == 4", 4),
        ("Input: 2\n    Output: 4", 4),
        ("Input: x = 2\n    Output: 4\n    Explanation: twice", 4),
        ("Example 1:\n    Input: x = 2, Output: 4", None),
        ("For x = 2 the output should be 4.", 4),
        ("For x = 2, the result is [4]", [4]),
        ("For y = 2 the output should be 4", None),
        ("For x = two the output should be 4", None),
        ("For x = 2 the output should be 4 or 5", None),
        ("f(2) == f(3)", None),
        ("f(2) == 4 + y", None),
        ("f(2) == 4 or 5", None),
        ("f(2) == 1, 2", None),
        ("f(2) == ('a')", None),
        ("f(2) + 1 == 4", None),
        ("not f(2) == 4", None),
        ("1 + f(2) == 4", None),
        ("len(f(2)) == 4", None),
        ("f(2) != 4", None),
        ("f(2) == 4 cases", None),
        ("f(a) => 4", None),
        ("f(2) == 4\n    f(2) == 5", None),
        (">>> f(2)\n    an answer", None),
        (">>> print(f(2))\n    4", None),
        ("Input: 2, 3, 4\n    Output: 4", None),
        ("Example\n\n    Input\n    2\n    3\n\n    Output\n    5", None),
        ("Input: z = 2\n    Output: 4", None),
        ("Input: two\n    Output: 4", None),
        ("Return the answer in any order. f(2) == [4, 5]", None),
    ],
)
def test_an_example_is_read_or_refused(line: str, value: Any) -> None:
    expected = [] if value is None and "None" not in line else [([2], {}, value)]
    assert examples_of(ONE.format(line)) == expected


def test_refused_examples_are_named_by_line_and_reason() -> None:
    notes = read_problem(ONE.format("f(2) == 4 or 5")).notes
    [note] = [n for n in notes if "not read" in n]
    assert note.startswith("line 4: not read (text behind the value")
    assert "f(2) == 4 or 5" in note


def test_a_signature_refuses_what_it_cannot_take() -> None:
    text = 'def f(x: int, y: str) -> bool:\n    """Do.\n\n    {}\n    """\n'
    assert examples_of(text.format("f(2, 'a') == True")) == [([2, "a"], {}, True)]
    for line in ("f(2, 'a') == 1", "f('a', 2) == True", "f(2) == True", "f(2, 'a', 3) == True"):
        assert examples_of(text.format(line)) == []


def test_named_arguments_stay_named() -> None:
    assert examples_of(HEAD.format("f(1, y=2) == 3")) == [([1], {"y": 2}, 3)]


LEETCODE = """\
1. Two Sum

Given an array of integers `nums` and an integer `target`, return the indices of two numbers.

**Example 1:**

**Input:** nums = [2,7,11,15], target = 9
**Output:** [0,1]
**Explanation:** Because nums[0] + nums[1] == 9, we return [0, 1].

**Example 2:**

```
Input: nums = [3,2,4], target = 6
Output: [1,2]
```

**Constraints:**

- `2 <= nums.length <= 104`

class Solution:
    def twoSum(self, nums: List[int], target: int) -> List[int]:
"""


def test_leetcodes_examples_are_calls_by_position() -> None:
    read = read_problem(LEETCODE)
    assert read.task.entry_point == "Solution.twoSum"
    assert read.task.preamble == "leetcode"
    assert examples_of(LEETCODE) == [
        ([[2, 7, 11, 15], 9], {}, [0, 1]),
        ([[3, 2, 4], 6], {}, [1, 2]),
    ]


def test_leetcodes_examples_in_bold_paragraphs_are_read() -> None:
    text = (
        "Return the **minimum** length.\n\n**Example 1:**\n\n**Input:** nums = [2,2,3,1], k = 4\n\n"
        "**Output:** 2\n\n**Explanation:**\n\nThe subarray `[2, 3]` has sum `2 + 3 = 5`.\n\n"
        "```python\nclass Solution:\n    def minLength(self, nums: List[int], k: int) -> int:\n"
        "        \n```\n"
    )
    assert read_problem(text).task.entry_point == "Solution.minLength"
    assert examples_of(text) == [([[2, 2, 3, 1], 4], {}, 2)]


def test_nodes_and_in_place_answers_are_no_examples() -> None:
    lists = LEETCODE.replace("nums: List[int]", "nums: Optional[ListNode]")
    assert examples_of(lists) == []
    in_place = LEETCODE.replace("-> List[int]", "-> None")
    assert examples_of(in_place) == []


def test_mbpps_assertions_are_examples() -> None:
    text = (
        "Write a function to add two numbers. Your code should pass these tests:\n\n"
        "assert add(1, 2) == 3\nassert add(0, 0) == 0\nassert add(1, 2) != 4\n"
    )
    read = read_problem(text)
    assert read.task.entry_point == "add"
    assert examples_of(text) == [([1, 2], {}, 3), ([0, 0], {}, 0)]


def test_floating_point_values_have_a_tolerance() -> None:
    [test] = read_problem(ONE.format("f(2) == 0.3")).task.examples
    assert test.checker is not None
    assert accepts(test.checker, values.encode(0.1 + 0.2), test.output)
    assert not accepts(test.checker, values.encode(0.31), test.output)
    [rounded] = read_problem(ONE.format("f(2) == 0.33333")).task.examples
    assert rounded.checker is not None
    assert accepts(rounded.checker, values.encode(1 / 3), rounded.output)


def test_steps_of_a_definition_are_no_examples() -> None:
    text = "The sequence: f(1) = 3, f(n) = f(n - 1) + 1.\n    f(2) = 4"
    assert examples_of(ONE.format(text)) == []
    arrows = "f(0) -> 0\n    f(1) -> 1\n    f(n) -> f(n-1) + f(n-2)"
    assert examples_of(ONE.format(arrows)) == [([0], {}, 0), ([1], {}, 1)]


def test_a_full_stop_is_no_part_of_a_number() -> None:
    [(_, _, value)] = examples_of(ONE.format("f(90) is 2880067194370816120."))
    assert (value, type(value)) == (2880067194370816120, int)
    [(_, _, value)] = examples_of(ONE.format("f(2) returns 1.5. It may be a fraction."))
    assert value == 1.5
    assert examples_of(ONE.format("f(2) == 4.x")) == []


def test_numbers_among_texts_without_quotes_are_no_examples() -> None:
    text = 'Write a function `f(s)`.\nf("ab") -> ba\nf("12") -> 21\nf("x") -> "x"\n'
    assert examples_of(text) == [(["x"], {}, "x")]
    assert examples_of(ONE.format(">>> f('ab')\n    ba\n    >>> f('12')\n    21")) == []


def test_a_list_for_a_tree_is_no_example() -> None:
    text = "def depth({}):\n    '''Depth.\n\n    Input: root = [3,9,null]\n    Output: 2\n    '''\n"
    assert examples_of(text.format("root")) == []
    assert examples_of(text.format("root: list")) == [([[3, 9, None]], {}, 2)]


@pytest.mark.parametrize(
    "line", ["Currently f(2) returns 5.", "It is a bug if f(2) == 5.", "5 instead of f(2) == 4."]
)
def test_a_call_that_a_sentence_denies_is_no_example(line: str) -> None:
    assert examples_of(ONE.format(line)) == []


def test_a_sentence_may_end_in_a_call_by_names() -> None:
    text = "Write a function `add(a, b)`.\n\n"
    text += "For a = 1 and b = 2, the output should be\nadd(a, b) = 3.\n"
    assert examples_of(text) == [([1, 2], {}, 3)]
