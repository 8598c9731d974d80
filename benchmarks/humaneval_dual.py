"""CodeT's result again, from the same samples: dual agreement on 82 HumanEval tasks.

Called by ``humaneval.py DATA --dual``. What is CodeT's (arXiv 2207.10397 and the code released
with it): programs are cut where something new begins at the margin; a test is one assertion's
text that names the function and compiles; the first five of each test sample count, or all; equal
texts each count. A program passes an assertion if that neither raises nor takes longer than
0.1 s. Programs are ranked by √programs × tests, k are chosen by `ranked.ranked_pass_at_k`.

What is ours: an assertion that is a call is run as one, once for all tests with that input, and
compared outside. The few others are asked in the program's own process, as CodeT asks all: nobody
here writes programs that cheat. One that needs a name which no program has (``assert ____ == 1``)
fails without being run. Time is CPU time.

One thing is a fault of CodeT's code, and decides 1.0 points: assertions are compiled at the margin
and then run inside a function. One with ``from models import *`` behind it is valid there and not
here, so that all tests of its task fail with it, and the task counts as one without a ranking. We
do the same for the figures that stand beside CodeT's, name such tasks, and give the figures without
that too.
"""

from __future__ import annotations

import ast
import builtins
import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from sparring import values
from sparring.matrix import Bools, Floats
from sparring.sandbox import Job, Limits, Sandbox, TestKind
from sparring.schema import Outcome, Verdict
from sparring.selection.best_of_n import expected_choice
from sparring.selection.consensus import Weight, agreement_counts, weights
from sparring.selection.ranked import pass_at_k, ranked_pass_at_k
from sparring.tasks.checkers.checker import accepts
from sparring.tasks.suites.asserts import parse_asserts
from sparring.tasks.suites.called import CallTest

SECONDS = 0.1
_AT_ONCE, _TASKS = 3, 4
"""Threads, and tasks that one of them reads, runs and counts at a time."""
_NEW = re.compile(r"\n(?:class|def|#|if|print)")
"""Where a continuation of the prompt ends: something else begins at the margin."""
ASK = "_ask_"
"""The function behind a program that answers a call, or says whether an assertion holds."""
_WORD = re.compile(r"\w+")
_LAZY = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.comprehension, ast.NamedExpr)
BASELINE = (1, 10, 100)
RANKED = (1, 2, 10)
_TRUE = CallTest("", values.encode(True))
CODET = {
    "pass@1": 38.2,
    "pass@10": 69.7,
    "pass@100": 89.0,
    "dual agreement pass@1": 58.4,
    "dual agreement pass@2": 66.6,
    "dual agreement pass@10": 79.7,
}
"""What CodeT's own code gives for these samples with the first five assertions, in percent."""


@dataclass(frozen=True)
class Work:
    """One task: its distinct programs and assertions, and how often each was written."""

    row: dict[str, Any]
    suite: list[CallTest] | None
    """HumanEval's own tests; None where these are a script."""
    programs: Counter[str]
    tests: Counter[str]
    spoiled: bool
    """Whether an assertion stops all tests of the task in CodeT's code; it is not in ``tests``."""
    calls: dict[str, CallTest]
    """Of the assertions' texts those that are calls."""

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(t.input for t in self.calls.values()))

    @property
    def others(self) -> list[str]:
        """The assertions that are no calls and may hold for some program."""
        words = {w for p in self.programs for w in _WORD.findall(p)} | set(dir(builtins))
        return [t for t in self.tests if t not in self.calls and needs(t) <= words]

    def suites(self, seconds: float) -> list[Job]:
        """HumanEval's own tests, for each program."""
        entry, limits = self.row["entry_point"], Limits(cpu_seconds=seconds)
        kind = TestKind.SCRIPT if self.suite is None else TestKind.CALL
        wanted = (self.row["test"],) if self.suite is None else tuple(t.input for t in self.suite)
        return [Job(program, wanted, limits, kind, entry) for program in self.programs]

    def asked(self) -> list[Job]:
        """Calls, then other assertions, for each program."""
        entry, others = self.row["entry_point"], self.others
        behind = asking(entry, others)
        asked = [values.encode(((-1, *values.decode(i)), {})) for i in self.inputs]
        # Programs are run on small inputs first, and are skipped if they do not end on these.
        last = " " * max((len(i) for i in asked), default=0)
        asked += [values.encode(((i, last), {})) for i in range(len(others))]
        limits, inputs = Limits(cpu_seconds=SECONDS), tuple(asked)
        return [Job(p + behind, inputs, limits, TestKind.CALL, ASK) for p in self.programs]

    def passes_suite(self, outcomes: Sequence[Outcome]) -> bool:
        if self.suite is None:
            return outcomes[0].verdict is Verdict.ACCEPTED
        return all(equal(t, o) for t, o in zip(self.suite, outcomes, strict=True))


def asking(entry_point: str, texts: Sequence[str]) -> str:
    """Source of `ASK`: of number −1 the call's value, else whether that assertion holds."""
    lines = [f"\ndef {ASK}(number, arguments=(), named={{}}):", "    if number < 0:"]
    lines += [f"        return {entry_point}(*arguments, **named)", "    try:", "        pass"]
    for i, text in enumerate(texts):
        lines += [
            f"        if number == {i}:",
            "            " + text.replace("\n", "\n            "),
        ]
    return "\n".join(
        [*lines, "    except Exception:", "        return False", "    return True", ""]
    )


def needs(text: str) -> set[str]:
    """Names without which an assertion cannot hold; none where that is not plain to see."""
    body = ast.parse(text).body
    if len(body) != 1 or not isinstance(body[0], ast.Assert):
        return set()
    parts = list(ast.walk(body[0].test))
    if any(isinstance(p, _LAZY) or (isinstance(p, ast.Compare) and len(p.ops) > 1) for p in parts):
        return set()
    return {p.id for p in parts if isinstance(p, ast.Name)}


def equal(test: CallTest, outcome: Outcome) -> bool:
    ended = outcome.verdict is Verdict.FINISHED
    return ended and accepts(test.checker, outcome.output, test.output)


def suite(row: dict[str, Any]) -> list[CallTest] | None:
    """HumanEval's tests of a task as calls; None where there is code beside the assertions (loops,
    helpers)."""
    found = parse_asserts(row["test"], [row["entry_point"], "candidate"])
    calls = [t for t in found if isinstance(t, CallTest)]
    whole = len(calls) == len(found) and calls and "for " not in row["test"]
    return calls if whole else None


def cut(text: str) -> str:
    return _NEW.split(text, maxsplit=1)[0]


def assertions(sample: str, entry_point: str) -> list[str]:
    """The assertions of one test sample that name the function and compile, as texts."""
    found = []
    for part in sample.split("assert "):
        if entry_point in part and compiles(text := cut(f"assert {part}").strip()):
            found.append(text)
    return found


def compiles(text: str) -> bool:
    """As CodeT checks it: in a block at the margin."""
    return _compiles(
        "try:\n    " + text.replace("\n", "\n    ") + "\nexcept Exception:\n    pass\n"
    )


def runs(text: str) -> bool:
    """Whether it is also valid in a function and by itself, and can be run."""
    return _compiles(asking("f", [text])) and _compiles(text)


def _compiles(source: str) -> bool:
    try:
        compile(source, "assertion", "exec")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True


def work(row: dict[str, Any], per_sample: int | None) -> Work:
    """``per_sample``: how many assertions of each sample count; None for all."""
    entry = row["entry_point"]
    tests: Counter[str] = Counter()
    for sample in row["test_samples"]:
        tests.update(assertions(sample, entry)[:per_sample])
    spoilers = [text for text in tests if not runs(text)]
    for text in spoilers:
        del tests[text]
    calls = {}
    for text in tests:
        found = parse_asserts(text, [entry])
        if len(found) == 1 and isinstance(found[0], CallTest) and text.count("\n") == 0:
            calls[text] = found[0]
    programs = Counter(row["prompt"] + cut(sample) + "\n" for sample in row["code_samples"])
    return Work(row, suite(row), programs, tests, bool(spoilers), calls)


@dataclass(frozen=True)
class Matrix:
    """A task's samples, a row for each (equal ones too), on the distinct assertions."""

    passed_PU: Bools
    copies_U: Floats
    correct_P: Bools
    agreement_P: Floats


def matrices(
    tasks: Sequence[Work], suite_seconds: float, sandbox: Sandbox
) -> tuple[list[Matrix], Counter[str]]:
    """Of every task, and the verdicts there were. Nothing is skipped after a timeout: what a
    program does with other assertions does not follow from one."""
    jobs = [task.suites(suite_seconds) for task in tasks], [task.asked() for task in tasks]
    outcomes = iter(sandbox.run([job for kind in jobs for some in kind for job in some]))
    suites = iter([next(outcomes) for some in jobs[0] for _ in some])
    results = outcomes
    found, verdicts = [], Counter[str]()
    for task in tasks:
        passed, correct, answers = [], [], []
        inputs, others = task.inputs, task.others
        for copies in task.programs.values():
            own, asked = next(suites), next(results)
            verdicts.update(o.verdict.value for o in (*own, *asked))
            runs = asked[: len(inputs)]
            by_input = dict(zip(inputs, runs, strict=True))
            said = dict(zip(others, asked[len(inputs) :], strict=True))
            row = [
                equal(task.calls[text], by_input[task.calls[text].input])
                if text in task.calls
                else text in said and equal(_TRUE, said[text])
                for text in task.tests
            ]
            passed += [row] * copies
            correct += [task.passes_suite(own)] * copies
            answers += [tuple(o.output for o in runs) if runs else None] * copies
        found.append(
            Matrix(
                np.array(passed, dtype=bool).reshape(len(correct), len(task.tests)),
                np.array(list(task.tests.values()), dtype=float),
                np.array(correct, dtype=bool),
                agreement_counts(answers),
            )
        )
    return found, verdicts


def figures(m: Matrix, spoiled: bool) -> dict[str, float]:
    """Every figure of one task, as a chance. Of a ``spoiled`` one CodeT's code has no ranking."""
    programs = len(m.correct_P)
    found = {
        f"pass@{k}": pass_at_k(int(m.correct_P.sum()), programs, k)
        for k in BASELINE
        if k <= programs
    }
    root, product = (weights(m.passed_PU, w, m.copies_U) for w in (Weight.ROOT, Weight.PRODUCT))
    rankings = {
        "": np.zeros(programs) if spoiled else root,
        " (nothing spoiled)": root,
        " (product)": product,
    }
    for name, score in rankings.items():
        for k in RANKED:
            label = f"dual agreement{name} pass@{k}"
            found[label] = ranked_pass_at_k(score, m.correct_P, k)
    passes = m.passed_PU @ m.copies_U
    found[f"best of {programs} by passed tests"] = expected_choice(passes, m.correct_P, programs)
    pairs = np.stack([passes, m.agreement_P], axis=1)
    rank = np.unique(pairs, axis=0, return_inverse=True)[1].reshape(-1).astype(float)
    label = f"best of {programs} by passed tests, ties by agreement"
    found[label] = expected_choice(rank, m.correct_P, programs)
    return found


def report(
    rows: Sequence[dict[str, Any]], per_sample: int | None, suite_seconds: float
) -> dict[str, Any]:
    """The figures in percent, those of CodeT beside them, and those of every task."""
    started, before = time.perf_counter(), _cpu()
    with Sandbox(memo=False) as sandbox, ThreadPoolExecutor(_AT_ONCE) as pool:

        def made(some: Sequence[dict[str, Any]]) -> tuple[list[Work], list[Matrix], Counter[str]]:
            """Read here, while the programs of others run."""
            tasks = [work(row, per_sample) for row in some]
            return tasks, *matrices(tasks, suite_seconds, sandbox)

        parts = list(pool.map(made, [rows[i : i + _TASKS] for i in range(0, len(rows), _TASKS)]))
        stats = sandbox.stats
    tasks = [t for part in parts for t in part[0]]
    found = [m for part in parts for m in part[1]]
    verdicts = sum((part[2] for part in parts), Counter[str]())
    taken = {
        "runs": stats.runs_asked,
        "verdicts": dict(verdicts.most_common()),
        "CPU seconds of programs": round(stats.cpu_seconds, 1),
    }
    each = {t.row["task_id"]: figures(m, t.spoiled) for t, m in zip(tasks, found, strict=True)}
    names = list(next(iter(each.values())))
    mean = {n: round(100 * float(np.mean([f[n] for f in each.values()])), 1) for n in names}
    return {
        "tasks": len(tasks),
        "distinct programs": sum(len(t.programs) for t in tasks),
        "distinct assertions": sum(len(t.tests) for t in tasks),
        "of them no calls": sum(len(t.tests) - len(t.calls) for t in tasks),
        "of these run": sum(len(t.others) for t in tasks),
        "tasks spoiled in CodeT's code": [t.row["task_id"] for t in tasks if t.spoiled],
        **taken,
        "seconds": round(time.perf_counter() - started, 1),
        "CPU seconds": round(_cpu() - before, 1),
        **mean,
        "CodeT": CODET,
        "by task": each,
    }


def _cpu() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    t = os.times()
    return t.user + t.system + t.children_user + t.children_system
