"""Calls and scripts: a function of a program, asked from outside."""

from __future__ import annotations

import pytest

from sparring import values
from sparring.errors import SandboxError
from sparring.sandbox import Fork, Job, Limits, Sandbox, TestKind
from sparring.schema import Outcome, Verdict

SMALL = Limits(cpu_seconds=0.4, idle_seconds=0.4, memory_mib=64, output_bytes=1 << 16)


def given(*arguments: object, **named: object) -> str:
    return values.encode((list(arguments), named))


def call(sandbox: Sandbox, program: str, *inputs: str, name: str = "f") -> list[Outcome]:
    [outcomes] = sandbox.run([Job(program, inputs, SMALL, TestKind.CALL, name)])
    return list(outcomes)


def script(sandbox: Sandbox, program: str, *scripts: str, name: str = "f") -> list[Outcome]:
    [outcomes] = sandbox.run([Job(program, scripts, SMALL, TestKind.SCRIPT, name)])
    return list(outcomes)


def test_a_call_gives_its_value(sandbox: Sandbox) -> None:
    program = "print('noise')\ndef f(a, b=(1,)):\n    print('more')\n    return {'a': [a, b]}"
    outcomes = call(sandbox, program, given(1), given(2.5, b="x"), given(a=None))
    assert [o.verdict for o in outcomes] == [Verdict.FINISHED] * 3
    assert [values.decode(o.output) for o in outcomes] == [
        {"a": [1, (1,)]},
        {"a": [2.5, "x"]},
        {"a": [None, (1,)]},
    ]


def test_each_call_finds_the_program_fresh(sandbox: Sandbox) -> None:
    program = "seen = []\ndef f(x, also=[]):\n    seen.append(x); also.append(x)\n"
    program += "    return len(seen), len(also), __name__"
    outcomes = call(sandbox, program, given(1), given(2), given(3))
    assert {o.output for o in outcomes} == {values.encode((1, 1, "program"))}


def test_the_main_guard_does_not_fire_and_classes_work(sandbox: Sandbox) -> None:
    program = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass P:\n    x: int\n"
        "class Solution:\n    def run(self, n): return [P(n).x]\n"
        "if __name__ == '__main__': print(input())"
    )
    [outcome] = call(sandbox, program, given(4), name="Solution.run")
    assert values.decode(outcome.output) == [4]


@pytest.mark.parametrize(
    ("body", "verdict", "detail"),
    [
        ("raise ValueError('no')", Verdict.RUNTIME_ERROR, "ValueError: no"),
        ("exit()", Verdict.RUNTIME_ERROR, "exit"),
        ("import os; os._exit(0)", Verdict.RUNTIME_ERROR, "before the call"),
        ("while True: pass", Verdict.TIME_LIMIT, "CPU"),
        ("import time; time.sleep(9)", Verdict.IDLE_LIMIT, "idle"),
        ("return [0] * 10**8", Verdict.MEMORY_LIMIT, ""),
        ("return 'x' * 10**6", Verdict.OUTPUT_LIMIT, "65536"),
        ("x = []; x.append(x); return x", Verdict.RUNTIME_ERROR, "nested"),
        ("import os; os.fork()", Verdict.SANDBOX_VIOLATION, "forbidden"),
    ],
)
def test_a_call_that_does_not_return_a_value(
    sandbox: Sandbox, body: str, verdict: Verdict, detail: str
) -> None:
    outcomes = call(sandbox, f"def f(x):\n    {body}", given(1), given(2))
    assert [o.verdict for o in outcomes] == [verdict] * 2
    assert detail in outcomes[0].detail


def test_a_function_that_is_missing_is_an_error_that_says_so(sandbox: Sandbox) -> None:
    for program in ("def g(x): return x", "f = 3", "class f: pass\nf = f()"):
        [outcome] = call(sandbox, program, given(1))
        assert outcome.verdict is Verdict.RUNTIME_ERROR
        assert "no function f" in outcome.detail
    [outcome] = call(sandbox, "def f(", given(1))
    assert "SyntaxError" in outcome.detail


def test_a_liars_value_equals_nothing(sandbox: Sandbox) -> None:
    program = (
        "class Liar({base}):\n    def __eq__(self, other): return True\n"
        "    def __ne__(self, other): return False\n    __hash__ = None\n"
        "def f(x): return Liar()"
    )
    for base in ("int", "list", "str", "dict", "object"):
        [outcome] = call(sandbox, program.format(base=base), given(1))
        for expected in (0, [], "", {}, None):
            assert not values.same(values.decode(outcome.output), expected)


def test_values_are_the_same_in_a_process_for_each_call() -> None:
    program = "import random\ndef f(x): return [x, random.random(), hash('a')]"
    inputs = tuple(given(i) for i in range(5))
    found = []
    for fork in Fork:
        with Sandbox(1, fork=fork) as opened:
            [outcomes] = opened.run([Job(program, inputs, SMALL, TestKind.CALL, "f")])
            found.append([o.output for o in outcomes])
    assert found[0] == found[1]


PASSING = {
    "loop": "def check(candidate):\n    for i in range(9): assert candidate(i, i) == 2 * i",
    "round trip": "def check(candidate):\n    assert candidate(candidate(1, 2), 3) == 6",
    "tolerance": "assert abs(candidate(0.1, 0.2) - 0.3) < 1e-9",
    "by its name": "assert f(1, b=2) == 3",
    "an error": "try:\n    f(1, '2')\nexcept TypeError: pass\nelse: assert False",
    "another function of the program": "assert f(1, 2) == 3\nassert g(f(1, 2)) == -3",
    "own helpers first": "def g(x): return x\nassert g(f(1, 2)) == 3",
    "own imports": "import math\nassert math.floor(f(1.5, 1)) == 2",
    "own main": "if __name__ == '__main__': assert f([1], [2]) == [1, 2]",
}


def test_scripts_that_hold(sandbox: Sandbox) -> None:
    outcomes = script(sandbox, "def f(a, b): return a + b\ndef g(x): return -x", *PASSING.values())
    for name, outcome in zip(PASSING, outcomes, strict=True):
        assert outcome.verdict is Verdict.ACCEPTED, (name, outcome)


@pytest.mark.parametrize(
    ("source", "verdict", "detail"),
    [
        (
            "x = 1\nassert f(1, 2) == 4, 'four'",
            Verdict.WRONG_ANSWER,
            "line 2: AssertionError: four",
        ),
        ("assert f(1, '2')", Verdict.RUNTIME_ERROR, "TypeError"),
        ("f(1", Verdict.RUNTIME_ERROR, "SyntaxError"),
        ("assert nowhere(1) == 1", Verdict.RUNTIME_ERROR, "no function nowhere"),
        ("import os; os._exit(0)", Verdict.RUNTIME_ERROR, "the script"),
        ("while True: pass", Verdict.TIME_LIMIT, "the script"),
        ("x = [0] * 10**9", Verdict.MEMORY_LIMIT, ""),
        ("import socket; socket.socket()", Verdict.SANDBOX_VIOLATION, "the script"),
        ("f(lambda: 1, 2)", Verdict.RUNTIME_ERROR, "Error"),
    ],
)
def test_scripts_that_do_not_hold(
    sandbox: Sandbox, source: str, verdict: Verdict, detail: str
) -> None:
    [outcome] = script(sandbox, "def f(a, b): return a + b", source)
    assert outcome.verdict is verdict, outcome
    assert detail in outcome.detail


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("while True: pass", Verdict.TIME_LIMIT),
        ("import time; time.sleep(9)", Verdict.IDLE_LIMIT),
        ("import os; os._exit(0)", Verdict.RUNTIME_ERROR),
        ("import os; os.abort()", Verdict.RUNTIME_ERROR),
        ("import os; os.fork()", Verdict.SANDBOX_VIOLATION),
        ("return [0] * 10**8", Verdict.MEMORY_LIMIT),
        ("return [0] * 10**12", Verdict.MEMORY_LIMIT),
        ("raise SystemExit(0)", Verdict.RUNTIME_ERROR),
        ("raise KeyboardInterrupt", Verdict.RUNTIME_ERROR),
        ("assert False", Verdict.RUNTIME_ERROR),
        ("import os; os.closerange(3, 256)", Verdict.RUNTIME_ERROR),
        (
            "import os\n    for fd in range(3, 300):\n        try: os.write(fd, b'v[1,[],{}]')\n"
            "        except OSError: pass",
            Verdict.RUNTIME_ERROR,
        ),
    ],
)
def test_the_programs_failure_is_the_scripts_verdict(
    sandbox: Sandbox, body: str, verdict: Verdict
) -> None:
    [outcome] = script(sandbox, f"def f(x):\n    {body}", "assert f(1) == 1")
    assert outcome.verdict is verdict, outcome


def test_a_script_cannot_be_talked_out_of_a_failure_by_the_program(sandbox: Sandbox) -> None:
    # The program ends while the script waits, and the script swallows what it can.
    program = "import os\ndef f(x): os._exit(0)"
    [outcome] = script(sandbox, program, "try:\n    f(1)\nexcept Exception: pass")
    assert outcome.verdict is Verdict.RUNTIME_ERROR


def test_the_script_sees_mutated_arguments(sandbox: Sandbox) -> None:
    program = "def f(xs, d, s):\n    xs.sort(); d['n'] = 1; s.clear(); return None"
    held = (
        "xs, d, s = [3, 1], {}, {1}\nassert f(xs, d, s=s) is None\n"
        "assert (xs, d, s) == ([1, 3], {'n': 1}, set())"
    )
    assert script(sandbox, program, held)[0].verdict is Verdict.ACCEPTED


def test_deques_and_lists_in_tuples_change_too(sandbox: Sandbox) -> None:
    program = "def f(q, t):\n    q.append(3)\n    t[0].append(4)"
    held = (
        "from collections import deque\nq, t = deque([1]), ([2],)\nf(q, t)\n"
        "assert q == deque([1, 3]) and t == ([2, 4],)"
    )
    assert script(sandbox, program, held)[0].verdict is Verdict.ACCEPTED


@pytest.mark.parametrize(
    ("body", "caught", "held"),
    [
        ("raise KeyError('a')", "KeyError", "e.args == ('a',) and str(e) == \"'a'\""),
        ("raise Mine('bad', 3)", "ValueError", "e.args == ('bad', 3)"),
        ("raise Mine()", "ValueError", "str(e) == ''"),
        ("import json; json.loads('{')", "ValueError", "'line 1' in str(e)"),
        ("return b'\\xff'.decode()", "UnicodeDecodeError", "e.start == 0"),
        ("return open('/none')", "FileNotFoundError", "e.errno == 2 and '/none' in str(e)"),
        ("return 1 / 0", "ArithmeticError", "type(e) is ZeroDivisionError"),
        ("raise Told()", "LookupError", "str(e) == 'told'"),
        ("raise ValueError(f)", "ValueError", "'function' in str(e)"),
    ],
)
def test_an_exception_arrives_as_what_it_is_for_python(
    sandbox: Sandbox, body: str, caught: str, held: str
) -> None:
    program = (
        "class Mine(ValueError): pass\nclass Told(LookupError):\n    def __str__(self):"
        f" return 'told'\ndef f(x):\n    {body}"
    )
    source = f"try: f(1)\nexcept {caught} as e: assert {held}\nelse: assert False"
    [outcome] = script(sandbox, program, source)
    assert outcome.verdict is Verdict.ACCEPTED, outcome


def test_an_assertion_of_the_programs_is_not_the_scripts(sandbox: Sandbox) -> None:
    program = "class A(AssertionError): pass\ndef f(x): raise A('no')"
    [outcome] = script(sandbox, program, "try: f(1)\nexcept AssertionError: pass")
    assert outcome.verdict is Verdict.RUNTIME_ERROR


def test_a_programs_objects_do_not_reach_the_script(sandbox: Sandbox) -> None:
    program = (
        "class Liar(int):\n    def __eq__(self, other): return True\n    __hash__ = None\n"
        "def f(x): return Liar(3)"
    )
    assert script(sandbox, program, "assert f(1) == 3")[0].verdict is Verdict.WRONG_ANSWER
    generator = "def f(n):\n    for i in range(n): yield i"
    assert script(sandbox, generator, "assert list(f(3)) == [0, 1, 2]")[0].verdict is (
        Verdict.ACCEPTED
    )


def test_the_program_keeps_its_state_within_a_script_and_not_beyond(sandbox: Sandbox) -> None:
    program = "seen = []\ndef f(x):\n    seen.append(x)\n    return len(seen)"
    held = "assert f(1) == 1\nassert f(1) == 2"
    outcomes = script(sandbox, program, held, held + "\n")
    assert [o.verdict for o in outcomes] == [Verdict.ACCEPTED] * 2


def test_an_entry_point_must_be_a_name() -> None:
    for name in ("", "a.b.c", "f()", "1"):
        with pytest.raises(SandboxError, match="entry_point"):
            Job("", (), kind=TestKind.CALL, entry_point=name)


def test_files_that_come_and_go_as_a_script_dies_cost_no_worker(sandbox: Sandbox) -> None:
    program = (
        "import os, threading\ndef churn():\n    while True:\n        try:\n"
        "            for i in range(200): open(f'{i}', 'w').close()\n"
        "            for i in range(200): os.unlink(f'{i}')\n        except OSError: pass\n"
        "def f(x):\n    threading.Thread(target=churn, daemon=True).start()\n    return x"
    )
    dying = "import os, time\nassert f(1) == 1\ntime.sleep(0.05)\nos.abort()  # {}"
    lost = sandbox.stats.workers_lost
    outcomes = script(sandbox, program, *map(dying.format, range(60)))
    assert {o.verdict for o in outcomes} == {Verdict.RUNTIME_ERROR}
    assert sandbox.stats.workers_lost == lost
