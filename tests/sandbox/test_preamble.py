"""Preambles: their names are defined, and the program's own names win."""

from __future__ import annotations

import sys

import pytest

from sparring import values
from sparring.errors import SandboxError
from sparring.sandbox import Fork, Job, Sandbox, TestKind
from sparring.sandbox.inside.loaded_preamble import LoadedPreamble, names_of
from sparring.sandbox.preamble import packed
from sparring.schema import Outcome, Verdict

STARS = (
    "from math import *\nfrom sys import *\nfrom collections import *\nfrom random import *\n"
    "from builtins import *\nfrom typing import *\nimport math, datetime\n"
    "setrecursionlimit(50000)\n"
)


def runs(sandbox: Sandbox, program: str, before: str, *inputs: str) -> list[Outcome]:
    [outcomes] = sandbox.run([Job(program, inputs or ("",), preamble=before)])
    return list(outcomes)


def printed(sandbox: Sandbox, program: str, before: str, *inputs: str) -> list[str]:
    outcomes = runs(sandbox, program, before, *inputs)
    assert [o.detail for o in outcomes] == [""] * len(outcomes)
    return [o.output.strip() for o in outcomes]


def test_names_are_there_in_every_run(sandbox: Sandbox) -> None:
    program = "xs: List[int] = deque(map(int, input().split()))\nprint(gcd(*xs), stdin.read())"
    assert printed(sandbox, program, STARS, "4 6\nx", "9 6\ny") == ["2 x", "3 y"]


def test_later_names_hide_earlier_ones_as_in_the_original_harness(sandbox: Sandbox) -> None:
    # math's pow knows no third argument; builtins come after it.
    assert printed(sandbox, "print(pow(2, 5, 7), datetime.date(2024, 1, 1))", STARS) == [
        "4 2024-01-01"
    ]
    assert printed(sandbox, "print(pow(2, 5))", "from math import *") == ["32.0"]


def test_a_program_keeps_its_future_its_lines_and_its_own_names(sandbox: Sandbox) -> None:
    program = "from __future__ import annotations\ndef gcd(a: Nothing, b): return 'mine'\n"
    assert printed(sandbox, program + "print(gcd(4, 6))", STARS) == ["mine"]
    raised = "import sys\n\ntry:\n    1 / 0\nexcept ZeroDivisionError as e:\n"
    raised += "    print(e.__traceback__.tb_lineno, __name__)"
    assert printed(sandbox, raised, STARS) == ["4 __main__"]


def test_helpers_are_made_anew_for_each_run(sandbox: Sandbox) -> None:
    head = "import math\nSEEN = []\ndef poly(xs, x): return sum(c * math.pow(x, i) for i, c in "
    head += "enumerate(xs))\n"
    program = "SEEN.append(input())\nprint(SEEN, poly([1, 2], 3))"
    assert printed(sandbox, program, head, "a", "b") == ["['a'] 7.0", "['b'] 7.0"]


def test_every_lookup_finds_them(sandbox: Sandbox) -> None:
    program = "print(sorted(n for n in ('deque', 'gcd', 'none') if n in globals()))\n"
    assert printed(sandbox, program, STARS) == ["['deque', 'gcd']"]
    assert printed(sandbox, "print(eval('g' + 'cd(4, 6)'))", STARS) == ["2"]


def test_a_limit_set_before_is_there_for_each_run(sandbox: Sandbox) -> None:
    program = "print(sys.getrecursionlimit())\nsys.setrecursionlimit(77_000)"
    assert printed(sandbox, program, STARS + "import sys\n", "1", "2") == ["50000", "50000"]


def test_random_numbers_by_way_of_a_star_follow_the_input(sandbox: Sandbox) -> None:
    program = "xs = [*range(50)]\nshuffle(xs)\nprint(xs)"
    one, two = printed(sandbox, program, STARS, "1", "2")
    assert one != two
    assert printed(sandbox, program, STARS, "1") == [one]


def test_modules_that_a_star_import_reaches_are_restored(sandbox: Sandbox) -> None:
    program = "print(Counter([1]), hasattr(Counter, 'seen'))\nCounter.seen = 1"
    assert printed(sandbox, program, STARS, "1", "2") == ["Counter({1: 1}) False"] * 2


def test_calls_and_scripts_have_it_too(sandbox: Sandbox) -> None:
    program, head = "def f(x):\n    return helper(x)", "def helper(x): return gcd(x, 6)\n"
    head = "from math import *\n" + head
    [[called], [asked]] = sandbox.run(
        [
            Job(program, (values.encode(([4], {})),), kind=TestKind.CALL, entry_point="f",
                preamble=head),
            Job(program, ("assert f(4) == 2 and helper(9) == 3",), kind=TestKind.SCRIPT,
                entry_point="f", preamble=head),
        ]
    )  # fmt: skip
    assert (called.verdict, called.output) == (Verdict.FINISHED, "2")
    assert asked.verdict is Verdict.ACCEPTED, asked.detail


def test_a_preamble_defines_no_answer(sandbox: Sandbox) -> None:
    # `gcd` is what the task asks for: a preamble that imports it makes no program right.
    uses = "import math\ndef g(a, b): return math.gcd(a, b)"
    for program in ("x = 1", "print(globals().keys())", uses, uses.replace("math.", "")):
        job = Job(program, (values.encode(([4, 6], {})),), kind=TestKind.CALL, entry_point="gcd",
                  preamble=STARS)  # fmt: skip
        [[outcome]] = sandbox.run([job])
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert "defines no function gcd" in outcome.detail


def test_an_answer_may_redefine_a_preambles_function(sandbox: Sandbox) -> None:
    program = "_theirs = gcd\ndef gcd(a, b): return _theirs(a, b)"
    job = Job(program, (values.encode(([4, 6], {})),), kind=TestKind.CALL, entry_point="gcd",
              preamble=STARS)  # fmt: skip
    [[outcome]] = sandbox.run([job])
    assert (outcome.verdict, outcome.output) == (Verdict.FINISHED, "2")


def test_a_future_import_may_stand_anywhere_in_a_preamble(sandbox: Sandbox) -> None:
    head = "from __future__ import annotations\ndef helper(x: Nothing) -> List: return [x]\n"
    for before in (head, STARS + head, "L = 1\n" + head):
        assert printed(sandbox, "print(helper(1))", before) == ["[1]"]
    with pytest.raises(SandboxError, match="future feature braces is not defined"):
        packed("from __future__ import braces\n")


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ("x = 1 / 0", "before the program: ZeroDivisionError: division by zero"),
        ("import no_such_thing", "before the program: ModuleNotFoundError: No module named"),
        ("from math import nothing_such", "before the program: ImportError: cannot import name"),
        ("raise SystemExit", "before the program: SystemExit"),
    ],
)
def test_a_preambles_own_failure_is_named_as_such(sandbox: Sandbox, before: str, said: str) -> None:
    for outcome in runs(sandbox, "print(1)", before, "1", "2"):
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert outcome.detail.startswith(said)
    script = Job("def f(): pass", ("f()",), kind=TestKind.SCRIPT, entry_point="f", preamble=before)
    [[outcome]] = sandbox.run([script])
    assert said in outcome.detail


def test_a_preamble_that_is_no_python_is_refused_at_once() -> None:
    with pytest.raises(SandboxError, match="the preamble is not valid Python"):
        Job("print(1)", ("",), preamble="def f(:")


def test_outcomes_are_kept_by_it() -> None:
    with Sandbox(1) as sandbox:
        jobs = [Job("print(A)", ("",), preamble=f"A = {k}") for k in (1, 1, 2)]
        assert [o.output for [o] in sandbox.run(jobs)] == ["1\n", "1\n", "2\n"]
        assert sandbox.stats.runs_executed == 2
        assert sandbox.run([Job("print(A)", ("",))])[0][0].verdict is Verdict.RUNTIME_ERROR


def test_a_process_for_each_input_has_it() -> None:
    with Sandbox(1, fork=Fork.PER_TEST) as sandbox:
        assert printed(sandbox, "print(gcd(int(input()), 6))", STARS, "4", "9") == ["2", "3"]


def test_names_that_a_preamble_reaches_are_known() -> None:
    # As if the program had named the modules: state that is put back depends on names.
    code = compile("shuffle(x)\nopen('a')\np.getcwd()", "p", "exec")
    front = LoadedPreamble(packed("from random import *\nimport os as p\nfrom io import open\n"),
                  names_of(code), "", code)  # fmt: skip
    assert {"random", "os"} <= front.names
    assert "io" not in front.names  # its `open` is Python's own
    plain = compile("x = 1", "p", "exec")
    assert LoadedPreamble(packed(STARS), names_of(plain), "", plain).names == {
        "setrecursionlimit",
        "sys",
    }
    assert sys.getrecursionlimit() < 50_000
