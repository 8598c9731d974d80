"""Jobs whose inputs run alone: a process for each, and separate outcomes in memo and store."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparring.sandbox import Fork, Job, Limits, PrefetchingRunner, Sandbox
from sparring.sandbox.caller import plan
from sparring.sandbox.caller.memo import Memo
from sparring.sandbox.cluster import chunks, node
from sparring.sandbox.types import Stats
from sparring.schema import TestKind, Verdict

# A member of an enumeration of the library keeps what an earlier input put there.
KEEPS = """
from http import HTTPStatus
place = HTTPStatus.OK
if not hasattr(place, "kept"): place.kept = []
kept = place.kept
kept.append(input())
print(kept)
"""
KEEPING_CALL = KEEPS.replace("kept.append(input())\nprint(kept)\n", "") + (
    "def f(x):\n    kept.append(x)\n    return list(kept)\n"
)
INPUTS = ("a\n", "b\n", "c\n")
APART = ["['a']\n", "['b']\n", "['c']\n"]


def test_in_company_an_earlier_input_can_be_found_and_alone_it_cannot(fresh: Sandbox) -> None:
    together = Job(KEEPS, INPUTS)
    assert [o.output for o in fresh.run([together])[0]] != APART  # what this test stands on
    assert [o.output for o in fresh.run([Job(KEEPS, INPUTS, alone=True)])[0]] == APART


def test_the_two_are_not_taken_for_each_other_within_a_call(fresh: Sandbox) -> None:
    together, alone = fresh.run([Job(KEEPS, INPUTS), Job(KEEPS, INPUTS, alone=True)])
    assert [o.output for o in alone] == APART
    assert together != alone
    assert fresh.stats.runs_executed == 2 * len(INPUTS)


def test_calls_are_alone_as_well(fresh: Sandbox) -> None:
    inputs = ('{"tuple":[{"tuple":[1]},{"dict":[]}]}', '{"tuple":[{"tuple":[2]},{"dict":[]}]}')
    [found] = fresh.run([Job(KEEPING_CALL, inputs, Limits(), TestKind.CALL, "f", alone=True)])
    assert [o.output for o in found] == ["[1]", "[2]"]


def test_stored_outcomes_of_shared_processes_do_not_answer_separate_inputs(tmp_path: Path) -> None:
    with Sandbox(1, store=tmp_path / "store") as sandbox:
        sandbox.run([Job(KEEPS, INPUTS)])
    with Sandbox(1, store=tmp_path / "store") as sandbox:
        assert [o.output for o in sandbox.run([Job(KEEPS, INPUTS, alone=True)])[0]] == APART
        assert sandbox.stats.runs_executed == len(INPUTS)


def test_an_input_that_loops_leaves_no_other_out() -> None:
    looping = "n = input()\nwhile n == 'a': pass\nprint(n)"
    short = Limits(cpu_seconds=0.1)
    with Sandbox(1, skip_after_timeout=True) as sandbox:
        [found] = sandbox.run([Job(looping, INPUTS, short, alone=True)])
        [skipped] = sandbox.run([Job(looping, INPUTS, short)])
    assert [o.verdict for o in found] == [Verdict.TIME_LIMIT, Verdict.FINISHED, Verdict.FINISHED]
    assert [o.verdict for o in skipped[1:]] == [Verdict.NOT_RUN] * 2  # as ever


@pytest.mark.parametrize("alone", [True, False])
def test_a_chunk_of_a_cluster_says_so(alone: bool) -> None:
    asked = [Job("p", INPUTS, alone=alone)]
    works = plan.make(asked, plan.Call(), Memo(0), Stats(), skip=False).works
    chunk = chunks.pack(works)
    [there], _ = chunks.unpack(chunk.rows, chunk.inputs)
    assert there.alone is alone


def test_an_early_run_in_company_is_no_answer_either(fresh: Sandbox) -> None:
    runner = PrefetchingRunner(fresh)
    runner.run([Job(KEEPS, INPUTS)])
    assert [o.output for o in runner.run([Job(KEEPS, INPUTS, alone=True)])[0]] == APART


def test_per_test_is_as_before() -> None:
    with Sandbox(1, fork=Fork.PER_TEST) as sandbox:
        assert [o.output for o in sandbox.run([Job(KEEPS, INPUTS)])[0]] == APART


def test_a_node_runs_it_so() -> None:
    works = plan.make(
        [Job(KEEPS, INPUTS, alone=True)], plan.Call(), Memo(0), Stats(), skip=False
    ).works
    chunk = chunks.pack(works)
    try:
        answer = node.answer(None, Fork.PER_PROGRAM, node.identity(), chunk.rows, chunk.inputs)
    finally:
        node.close()
    chunks.settle(works, answer)
    assert [o.output for o in works[0].outcomes.values()] == APART
