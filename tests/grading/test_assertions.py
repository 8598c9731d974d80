"""Forms of assertion in a tester's answer: what each says, and which are refused."""

from __future__ import annotations

import pytest

from sparring import values
from sparring.grading.reading import read_test
from sparring.prompts.rules import ParsedTest, ReadingRules, TestRule
from sparring.schema import ParseFailure, Response, Role, StopReason, Task, Test, TestKind

F = Task("t", "Do it.", (Test(values.encode(([1], {})), "1", TestKind.CALL),), entry_point="f")
METHOD = Task("t", "Do it.", F.tests, entry_point="Solution.f")
FENCE = "```"


def parse(
    text: str,
    rule: TestRule = TestRule.ONLY,
    *,
    task: Task = F,
    cut: bool = False,
) -> ParsedTest:
    stop = StopReason.LENGTH if cut else StopReason.END_TOKEN
    response = Response("t", Role.TESTER, 0, (1,), (2, 3), (0.0, 0.0), stop, text)
    parsed = read_test(task, response, ReadingRules(tests=rule))
    assert (parsed.test is None) != (parsed.failure is None)
    return parsed


def read(text: str, rule: TestRule = TestRule.ONLY, **more: bool) -> str:
    """The test as people read it, or the refusal's name."""
    return shown(parse(text, rule, **more))


def shown(found: ParsedTest) -> str:
    if found.test is None:
        return str(found.failure)
    call = values.show_call("f", found.test.input)
    rule = f" by {found.test.checker}" if found.test.checker else ""
    return f"{call} == {values.show(found.test.output)}{rule}"


def block(source: str, info: str = "python") -> str:
    return f"It is so.\n\n{FENCE}{info}\n{source}\n{FENCE}\n"


PLAIN = {
    # A line of its own, in a list, a quote, a session, after a label, between marks.
    "assert f(2) == 3": "f(2) == 3",
    "The test:\nassert f(2) == 3\nIt catches off-by-one mistakes.": "f(2) == 3",
    "1. assert f(2) == 3": "f(2) == 3",
    "12) assert f(2) == 3": "f(2) == 3",
    "- assert f(2) == 3\n- it is small": "f(2) == 3",
    "* **Test:** assert f(2) == 3": "f(2) == 3",
    "> assert f(2) == 3": "f(2) == 3",
    ">>> assert f(2) == 3": "f(2) == 3",
    "Test case 1: assert f(2) == 3": "f(2) == 3",
    "**Assertion**: `assert f(2) == 3`": "f(2) == 3",
    "`assert f(2) == 3`": "f(2) == 3",
    "`assert f(2) == 3`.": "f(2) == 3",
    "**assert f(2) == 3**": "f(2) == 3",
    f"{FENCE}python assert f(2) == 3{FENCE}": "f(2) == 3",
    "    assert f(2) == 3, 'indented'": "f(2) == 3",
    "assert f(2) == [3].": "f(2) == [3]",
    "# three\nassert f(2) == 3  # it is": "f(2) == 3",
    # Over several lines.
    "assert f(\n    [1, 2],\n    'a',\n) == 3": "f([1, 2], 'a') == 3",
    "So:\nassert f([1,\n2]) == \\\n    3\nand no more": "f([1, 2]) == 3",
    'assert f("""a\nb""") == 3': "f('a\\nb') == 3",
    "- assert f([\n    1,\n  ]) == 3": "f([1]) == 3",
    # With what it needs.
    "expected = 3\nassert f(2) == expected": "f(2) == 3",
    "import math\n\nassert math.isclose(f(2), 0.5)": "f(2) == 0.5 by value(abs=0.0, rel=1e-09)",
    "def test_f():\n    x = 2\n    assert f(x) == 3\n\ntest_f()\nAll is well.": "f(2) == 3",
    "class TestF(unittest.TestCase):\n    def test(self):\n        self.assertEqual(f(2), 3)": (
        "f(2) == 3"
    ),
    "self.assertEqual(f(2), 3)": "f(2) == 3",
    "   def test_f():\n       assert f(2) == 3": "f(2) == 3",
    # In a sentence, where there is nothing else.
    "The test is `assert f(2) == 3`, which is small.": "f(2) == 3",
    "Take ``assert f(2) == 3`` and\nrun it.": "f(2) == 3",
    "A test (`python assert f(2) == 3`) of it.": "f(2) == 3",
}


@pytest.mark.parametrize("text", PLAIN)
def test_an_assertion_needs_no_fence(text: str) -> None:
    assert read(text) == PLAIN[text]
    assert read(text.replace("\n", "\r\n")) == PLAIN[text]
    assert read(f"Some words.\n\n{text}\n\nMore words.") == PLAIN[text]


SENTENCES = [
    "Let us assert that f(2) is 3.",
    "assert that f(2) == 3",
    "assert that it holds",
    "assert equality",
    "assert it is correct",
    "Assert f(2) == 3",
    "We assert f(2) == 3 here.",
    "assertEqual is a method",
    "f(2) == 3",
    "f(2) should be 3",
    "print(f(2) == 3)",
    ">>> f(2)\n3",
    "result = f(2)\nexpected = 3",
    "if f(2) != 3:\n    raise AssertionError",
    "assert",
    "The word `assert` alone, and `assert equality`.",
    "",
    " \n ",
]


@pytest.mark.parametrize("text", SENTENCES)
def test_a_sentence_or_a_session_is_no_test(text: str) -> None:
    parsed = parse(text)
    assert parsed.failure is ParseFailure.NO_CODE_BLOCK
    assert read(text, cut=True) == "truncated"
    assert read(f"{text}\n\nassert f(4) == 5\n\n{text}") == "f(4) == 5"


FORMS = {
    "assert f(2) == 3, 'a message'": "f(2) == 3",
    "assert (f(2) == 3)": "f(2) == 3",
    "assert(f(2) == 3), 'said'": "f(2) == 3",
    "assert 3 == f(2)": "f(2) == 3",
    "assert [1] == f(x=2, y=[3])": "f(x=2, y=[3]) == [1]",
    "assert f(2, key='a') == {'a': 1}": "f(2, key='a') == {'a': 1}",
    "assert f(2) is True": "f(2) == True by typed",
    "assert f(2) is None": "f(2) == None by typed",
    "assert False is f(2)": "f(2) == False by typed",
    "assert (f(2) == 3) is True": "f(2) == 3",
    "assert (3 == f(2)) == True": "f(2) == 3",
    # What is true about almost anything is read as it would be written out.
    "assert f(2)": "f(2) == True",
    "assert not f(2)": "f(2) == False",
    # Tolerances.
    "import pytest\nassert f(2) == pytest.approx(0.5)": (
        "f(2) == 0.5 by value(abs=1e-12, rel=1e-06)"
    ),
    "from pytest import approx\nassert approx(0.5, abs=1e-4) == f(2)": (
        "f(2) == 0.5 by value(abs=0.0001, rel=0.0)"
    ),
    "assert f(2) == pytest.approx([0.5, 1], 1e-4)": (
        "f(2) == [0.5, 1] by value(abs=1e-12, rel=0.0001)"
    ),
    "assert abs(f(2) - 0.5) <= 1e-6": "f(2) == 0.5 by value(abs=1e-06, rel=0.0)",
    # Names from above.
    "expected = 3\nassert f(2) == expected": "f(2) == 3",
    "nums = [1, 2]\nassert f(nums) == 3": "f([1, 2]) == 3",
    "nums: list[int] = [1, 2]\nassert f(nums) == 3": "f([1, 2]) == 3",
    "a, b = 1, [2]\nassert f(a, b) == 3": "f(1, [2]) == 3",
    "(a, b), c = ([1], 2), 3\nassert f(a, b) == c": "f([1], 2) == 3",
    "a = b = 2\nassert f(a, x=b) == 3": "f(2, x=2) == 3",
    "a = 2\nb = [a, a + 1]\nassert f(b) == -a": "f([2, 3]) == -2",
    "nums = [1, 2]\nresult = f(nums)\nassert result == 3": "f([1, 2]) == 3",
    "result = f(2)\nexpected = 3\nassert expected == result, f'{result}'": "f(2) == 3",
    "result, expected = f(2), 3\nassert result == expected": "f(2) == 3",
    "out = f(2)\nassert abs(out - 0.5) <= 1e-6": ("f(2) == 0.5 by value(abs=1e-06, rel=0.0)"),
    "result = f(2)\nassert result is None": "f(2) == None by typed",
    "result = f(2)\nassert result": "f(2) == True",
    "x = 1\nx = 2\nassert f(x) == 3": "f(2) == 3",
    "from math import inf, pi as p\nassert f(inf) == p": "f(inf) == 3.141592653589793",
    "import math\nassert f(-math.inf) == math.e": "f(-inf) == 2.718281828459045",
    "from math import *\nassert f(inf) == -inf": "f(inf) == -inf",
    "assert f(dict(a=1), float('inf'), [0] * 3) == set()": ("f({'a': 1}, inf, [0, 0, 0]) == set()"),
    # The function by other names.
    "assert candidate(2) == 3": "f(2) == 3",
    "assert Solution().f(2) == 3": "f(2) == 3",
    "s = Solution()\nassert s.f(2) == 3": "f(2) == 3",
    "sol = Solution()\nresult = sol.f(2)\nassert result == 3": "f(2) == 3",
    "from solution import f\nassert f(2) == 3": "f(2) == 3",
    "from my.code import f as g\nassert g(2) == 3": "f(2) == 3",
    "import solution\nassert solution.f(2) == 3": "f(2) == 3",
    "import my.code as c\nassert c.f(2) == 3": "f(2) == 3",
    "from solution import Solution\ns = Solution()\nassert s.f(2) == 3": "f(2) == 3",
    "from solution import *\nassert f(2) == 3": "f(2) == 3",
    "g = f\nassert g(2) == 3": "f(2) == 3",
    # In functions and test cases.
    "def test_f():\n    assert f(2) == 3": "f(2) == 3",
    'def test_f():\n    """It works."""\n    x = 2\n    assert f(x) == 3\n\ntest_f()': "f(2) == 3",
    "X = 2\n\ndef test_f():\n    assert f(X) == 3": "f(2) == 3",
    "def test():\n    r = f(2)\n    assert r == 3\n\nif __name__ == '__main__':\n    test()\n"
    "    print('passed')": "f(2) == 3",
    'if __name__ == "__main__":\n    assert f(2) == 3': "f(2) == 3",
    "def check(candidate):\n    assert candidate(2) == 3\n\ncheck(f)": "f(2) == 3",
    "def check(g):\n    assert g(2) == 3\n\ncheck(f)": "f(2) == 3",
    "class TestF:\n    def test_it(self):\n        assert f(2) == 3": "f(2) == 3",
    "class TestF:\n    def setup_method(self):\n        self.x = 2\n\n"
    "    def test_it(self):\n        assert f(self.x) == 3": "f(2) == 3",
    "import unittest\n\nclass T(unittest.TestCase):\n    def setUp(self):\n"
    "        self.s = Solution()\n\n    def test(self):\n"
    "        self.assertEqual(self.s.f(2), 3)\n\nif __name__ == '__main__':\n    unittest.main()": (
        "f(2) == 3"
    ),
    "class T(TestCase):\n    x = 2\n    def test(self):\n        self.assertEqual(f(self.x), 3)": (
        "f(2) == 3"
    ),
    "class T(TestCase):\n    @classmethod\n    def setUpClass(cls):\n        cls.x = 2\n"
    "    def test(self):\n        self.assertEqual(f(self.x), 3)": "f(2) == 3",
    "class T(TestCase):\n    def test(self):\n        with self.subTest('a'):\n"
    "            self.assertEqual(f(2), 3)": "f(2) == 3",
    "def f_test():\n    assert f(2) == 3\n\nf_test()": "f(2) == 3",
}


@pytest.mark.parametrize("source", FORMS)
def test_a_form_says_what_its_canonical_form_says(source: str) -> None:
    for text in (block(source), block(source, ""), f"{FENCE}\n{source}\n{FENCE}", source):
        assert read(text) == FORMS[source]
        assert read(text, TestRule.FIRST) == read(text, TestRule.LAST) == FORMS[source]


METHODS = {
    "self.assertEqual(f(2), 3)": "f(2) == 3",
    "self.assertEqual(3, f(2), 'said')": "f(2) == 3",
    "self.assertEqual(first=f(2), second=3, msg='said')": "f(2) == 3",
    "self.assertEquals(f(2), 3)": "f(2) == 3",
    "self.assertTrue(f(2))": "f(2) == True",
    "self.assertTrue(f(2) == 3)": "f(2) == 3",
    "self.assertTrue(abs(f(2) - 0.5) <= 1e-6, 'near')": "f(2) == 0.5 by value(abs=1e-06, rel=0.0)",
    "self.assertFalse(f(2))": "f(2) == False",
    "self.assertIsNone(f(2))": "f(2) == None by typed",
    "self.assertIs(f(2), False)": "f(2) == False by typed",
    "self.assertIs(True, f(2))": "f(2) == True by typed",
    "self.assertAlmostEqual(f(2), 0.5)": "f(2) == 0.5 by value(abs=5e-08, rel=0.0)",
    "self.assertAlmostEqual(f(2), 0.5, places=4)": (
        "f(2) == 0.5 by value(abs=4.9999999999999996e-05, rel=0.0)"  # round(5e-05, 4) is 1e-04
    ),
    "self.assertAlmostEqual(0.5, f(2), 4, 'said')": (
        "f(2) == 0.5 by value(abs=4.9999999999999996e-05, rel=0.0)"
    ),
    "self.assertAlmostEqual(f(2), 0.5, delta=1e-4)": "f(2) == 0.5 by value(abs=0.0001, rel=0.0)",
    "self.assertListEqual(f(2), [3])": "f(2) == [3]",
    "self.assertTupleEqual((3,), f(2))": "f(2) == (3,)",
    "self.assertDictEqual(f(2), {'a': 3})": "f(2) == {'a': 3}",
    "self.assertSetEqual(f(2), {3})": "f(2) == {3}",
    "self.assertMultiLineEqual(f(2), 'a')": "f(2) == 'a'",
    # Neither says that one call has one value.
    "self.assertIn(f(2), [3, 4])": "not_a_call",
    "self.assertNotEqual(f(2), 3)": "not_a_call",
    "self.assertGreater(f(2), 3)": "not_a_call",
    "self.assertCountEqual(f(2), [3])": "not_a_call",
    "self.assertIsInstance(f(2), int)": "not_a_call",
    "self.assertRaises(ValueError, f, 2)": "not_a_call",
    "with self.assertRaises(ValueError):\n    f(2)": "not_a_call",
    "self.assertFalse(f(2) == 3)": "not_a_call",
    "self.assertIs(f(2), 3)": "not_a_call",
    "self.assertListEqual(f(2), (3,))": "not_a_call",
    "self.assertEqual(f(2), f(2))": "not_a_call",
    "self.assertEqual(f(2))": "not_a_call",
    "self.assertEqual(f(2), 3, 'a', 'b')": "not_a_call",
    "self.assertEqual(*[f(2), 3])": "not_a_call",
    "self.assertAlmostEqual(f(2), 0.5, places=4, delta=0.1)": "not_a_call",
    "self.assertAlmostEqual(f(2), 0.5, places=10**9)": "not_a_call",
    "self.assertAlmostEqual(f(2), 'a')": "not_a_call",
    "np.testing.assert_equal(f(2), 3)": "not_a_call",
    "assert_equal(f(2), 3)": "not_a_call",
    "mock.assert_called_with(f(2))": "not_a_call",
    "self.assertAlmostEqual(f(2), 0.5, places=2)": "loose_tolerance",
    "self.assertAlmostEqual(f(2), 0.5, delta=1)": "loose_tolerance",
}


@pytest.mark.parametrize("line", METHODS)
def test_a_method_of_unittest_says_what_it_compares(line: str) -> None:
    indented = line.replace("\n", "\n        ")
    case = f"class T(unittest.TestCase):\n    def test_f(self):\n        {indented}"
    assert read(block(case)) == METHODS[line]
    assert read(block(f"import unittest\n\n{case}\n\nunittest.main()")) == METHODS[line]


REFUSED = {
    "not_a_call": [
        # the function replaced, by whatever name
        "def f(x):\n    return x\n\nassert f(2) == 2",
        "assert f(2) == 2\n\ndef f(x):\n    return x",
        "f = lambda x: x\nassert f(2) == 2",
        "from math import f\nassert f(2) == 2",
        "import os as f\nassert f(2) == 2",
        "for f in (abs,):\n    pass\nassert f(2) == 2",
        "if (f := abs):\n    pass\nassert f(2) == 2",
        "class Solution:\n    def f(self, x):\n        return x\n\nassert Solution().f(2) == 2",
        "candidate = abs\nassert candidate(2) == 2",
        "def check(g):\n    assert g(2) == 2\n\ncheck(abs)",
        "def test(f):\n    assert f(2) == 2",
        # something else replaced or changed
        "import math\nmath.sqrt = abs\nassert f(2) == 2",
        "import builtins\nsetattr(builtins, 'abs', len)\nassert f(2) == 2",
        "globals()['f'] = abs\nassert f(2) == 2",
        "nums = [1]\nnums.append(2)\nassert f(nums) == 2",
        "nums = [1]\nnums[0] = 2\nassert f(nums) == 2",
        "nums = [1]\nnums += [2]\nassert f(nums) == 2",
        "nums = [1]\ndef more():\n    nums.append(2)\nmore()\nassert f(nums) == 2",
        "x = nums = [1]\ndel x[0]\nassert f(nums) == 2",
        "exec('f = abs')\nassert f(2) == 2",
        "def test(monkeypatch):\n    monkeypatch.setattr('m.f', abs)\n    assert f(2) == 2",
        "@patch('m.f', abs)\ndef test():\n    assert f(2) == 2",
        # loops, branches, what may never run
        "for x in (1, 2):\n    assert f(x) == x",
        "for x in (1,):\n    assert f(2) == 2",
        "while True:\n    assert f(2) == 2\n    break",
        "if f(1):\n    assert f(2) == 2",
        "try:\n    assert f(2) == 2\nexcept AssertionError:\n    pass",
        "with open('x') as file:\n    assert f(2) == 2",
        "@pytest.mark.skip\ndef test():\n    assert f(2) == 2",
        "@pytest.mark.parametrize('x, y', [(1, 2)])\ndef test(x, y):\n    assert f(x) == y",
        "async def test():\n    assert f(2) == 2",
        # names that no constant stands for
        "assert f(x) == 2",
        "assert f(x) == 2\nx = 1",
        "x = input()\nassert f(x) == 2",
        "x = len([1])\nassert f(x) == 2",
        "for x in (1, 2):\n    pass\nassert f(x) == 2",
        "x = 1\ndef test():\n    assert f(x) == 2\n    x = 3",
        "x = 1\ndef test():\n    assert f(x) == 2\nx = 3",
        "def test(x=1):\n    assert f(x) == 2",
        "x, *y = 1, 2\nassert f(x) == 2",
        "class T(TestCase):\n    def setUp(self):\n        self.x = 1\n        self.x = 2\n"
        "    def test(self):\n        self.assertEqual(f(self.x), 3)",
        # computed by the function itself, several calls, other calls
        "assert f(1) == f(1)",
        "expected = f(1)\nassert f(1) == expected",
        "a, b = f(1), f(1)\nassert a == b",
        "assert f(f(1)) == 2",
        "assert f(1) == 2 and f(2) == 3",
        "assert f(1) == 2 == f(2)",
        "assert sorted(f(1)) == [2]",
        "assert f(1)[0] == 2",
        "assert len(f(1)) == 2",
        "assert g(1) == 2",
        "assert isinstance(f(1), int)",
        "assert f(1) in (2, 3)",
        "assert f(1) != 2",
        "assert f(1) > 2",
        "assert (f(1) == 2, 'always true')",
        "assert f(1) or True",
        "assert True",
        "assert all(f(x) == y for x, y in [(1, 2)])",
        "with pytest.raises(ValueError):\n    f(1)",
        "assert f(1) == 10 ** 10 ** 10",
    ],
    "loose_tolerance": [
        "assert abs(f(1) - 0) < 1e9",
        "assert f(1) == approx(1, rel=0.5)",
        "assert f(1) == approx(1, 0.5)",
        "import math\nassert math.isclose(f(1), 1, abs_tol=0.01)",
        "tolerance = 0.1\nassert abs(f(1) - 2) < tolerance",
    ],
    "several_tests": [
        "assert f(1) == 2\nassert f(2) == 3",
        "def test_a():\n    assert f(1) == 2\n\ndef test_b():\n    assert f(2) == 3",
        "class T(TestCase):\n    def test(self):\n        self.assertEqual(f(1), 2)\n"
        "        self.assertIn(f(1), [2])",
        "assert f(1) == 2\nfor x in (1, 2):\n    assert f(x) == 2",
        "assert f(1) == 2\nassert f(1) == 2",
        "with pytest.raises(ValueError):\n    f(0)\nassert f(1) == 2",
    ],
}


@pytest.mark.parametrize(
    ("source", "name"), [(source, name) for name, all_of in REFUSED.items() for source in all_of]
)
def test_what_is_no_such_assertion_is_refused_by_name(source: str, name: str) -> None:
    parsed = parse(block(source))
    assert str(parsed.failure) == name
    assert parsed.seen


def test_the_function_s_own_assertions_are_no_tests() -> None:
    own = block("def f(x):\n    assert x > 0\n    return x")
    assert read(own) == "no_assertion"
    for text in (own + block("assert f(1) == 2"), block("assert f(1) == 2") + own):
        for rule in TestRule:
            assert read(text, rule) == "f(1) == 2"


def test_a_method_goes_by_its_class_alone() -> None:
    for source in (
        "assert Solution().f(2) == 3",
        "s = Solution()\nassert s.f(2) == 3",
        "class T(TestCase):\n    def setUp(self):\n        self.s = Solution()\n"
        "    def test(self):\n        self.assertEqual(self.s.f(2), 3)",
        "from solution import Solution as S\nassert S().f(2) == 3",
        "f = Solution().f\nassert f(2) == 3",
        "assert candidate(2) == 3",
    ):
        assert shown(parse(block(source), task=METHOD)) == "f(2) == 3"
    for source in (
        "assert f(2) == 3",
        "s = Other()\nassert s.f(2) == 3",
        "s = Solution(1)\nassert s.f(2) == 3",
        "s = Solution()\ns = Other()\nassert s.f(2) == 3",
        "assert Solution.f(2) == 3",
        "class Solution:\n    def f(self, x):\n        return x\n\nassert Solution().f(2) == 3",
    ):
        assert parse(block(source), task=METHOD).failure is ParseFailure.NOT_A_CALL


def test_a_remark_between_lines_of_code_parts_nothing() -> None:
    assert read("nums = [2]\n\n# the test\n\nassert f(nums) == 3") == "f([2]) == 3"
    assert read("nums = [2]\nNow the test:\nassert f(nums) == 3") == "not_a_call"


def test_a_text_of_open_brackets_is_not_read_for_long() -> None:
    for line in (
        "f(\n",
        "assert f([1,\n",
        "def f(x):\n",
        "x = '''\n",
        "@a\n",
        "if x:\n",
        "class A:\n x\n",
    ):
        assert parse(line * 400).test is None


MENDED = {
    block(">>> x = 2\n>>> assert f(x) == 3"): ("f(2) == 3", "block+session"),
    block(">>> f(2)\n3\n>>> assert f(\n...     2) == 3\n>>> f(4)\n5"): (
        "f(2) == 3",
        "block+session",
    ),
    block("    assert f(2) == 3\n    print('ok')"): ("f(2) == 3", "block+dedented"),
    block("assert f(“a”) == ‘b’"): ("f('a') == 'b'", "block+characters"),
    block("assert f(2) &lt;= 3"): ("not_a_call", "block+characters"),
    f"{FENCE}python assert f(2) == 3\n{FENCE}": ("f(2) == 3", "block+code_on_fence"),
    f"{FENCE}python\nassert f(2) == 3{FENCE}\nIt is.": ("f(2) == 3", "block"),
    f"1. So:\n   {FENCE}python title='a.py'\n   def test():\n       assert f(2) == 3\n   {FENCE}": (
        "f(2) == 3",
        "block",
    ),
    "~~~\nassert f(2) == 3\n~~~": ("f(2) == 3", "block"),
    block("assert f(2) == 3", "pytest"): ("f(2) == 3", "block"),
    block("The test: assert f(2) == 3\nfor that.", ""): ("f(2) == 3", "block"),
    block("1. assert f(2) == 3", "text"): ("f(2) == 3", "block"),
    f"Here: {FENCE}python\nassert f(2) == 3\n{FENCE}": ("f(2) == 3", "lines"),
    "assert f(2) == 3<|im_end|>": ("f(2) == 3", "lines"),
    block("assert f(2) == 3") + "<|endoftext|>": ("f(2) == 3", "block"),
    # What cannot be told is not guessed.
    block("assert f(2) == 3\nassert f(4) = 5"): ("syntax_error", ""),
    block("Take assert f(2) == 3\nassert f(4) == 5\nassert f(6) = 7", ""): ("syntax_error", ""),
    block("def f(x):\n    retrun x y\nassert f(2) == 3"): ("syntax_error", ""),
    block("def f(x):\n    retrun x y\nassert f(2) == 3", ""): ("syntax_error", ""),
    block("assert(f(2) == 3);", "c"): ("no_assertion", ""),
}


@pytest.mark.parametrize("text", MENDED)
def test_a_block_is_mended_where_that_is_certain(text: str) -> None:
    parsed = parse(text)
    assert (shown(parsed), parsed.how) == MENDED[text]


def test_reasoning_is_no_place() -> None:
    draft = "assert f(1) == 1"
    for inside in (draft, block(draft), f"`{draft}`"):
        assert read(f"<think>{inside}</think>\nassert f(2) == 2") == "f(2) == 2"
        assert read(f"<think>{inside}</think>\nHm.") == "no_code_block"
        assert read(f"<think>{inside}\n") == "unfinished_reasoning"
        assert read(f"<think>{inside}\n", TestRule.FIRST, cut=True) == "truncated"
