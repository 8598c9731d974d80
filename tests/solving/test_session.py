"""The verbs of a session: sampling, asking, reading, running, evidence."""

from __future__ import annotations

from dataclasses import replace

from sparring.policy.base import response_seed
from sparring.sandbox import Sandbox
from sparring.schema import Role, Test, Verdict
from sparring.selection.consensus import NONE
from sparring.solving.inputs import input_only
from tests.fake_openai import PROGRAM, TEST, WRONG, FakeOpenAI, whole
from tests.solving.sessions import TASK, a_session, solve_options


def test_the_kth_program_and_test_are_those_of_an_evaluation(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    options = solve_options(fake, seed=3)
    with a_session(fake, workers, options) as session:
        session.sample(programs=2, tests=1)
        session.sample(programs=3)
    wanted = replace(options.asking, programs=5, tests=1).requests([TASK])
    sent = {(b["messages"][0]["content"], b["seed"]) for b in fake.bodies}
    assert len(fake.bodies) == len(sent) == 6
    assert sent == {(r.message, response_seed(r.seed, r.index) >> 32) for r in wanted}
    with FakeOpenAI() as other, a_session(other, workers, solve_options(other, seed=3)) as again:
        again.sample(programs=5, tests=1)
        assert {(b["messages"][0]["content"], b["seed"]) for b in other.bodies} == sent
        assert [p.source for p in again.programs] == [p.source for p in session.programs]


def test_candidates_are_numbered_in_the_order_of_their_seeds(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    with a_session(fake, workers) as session:
        session.sample(programs=2)
        session.read_program(session.ask(Role.CODER, "Again, please.")[0], "repaired", parent=1)
        session.sample(programs=1)
    assert [p.number for p in session.programs] == [0, 1, 2, 3]
    assert [p.origin for p in session.programs] == ["sampled", "sampled", "repaired", "sampled"]
    assert session.programs[2].parent == 1
    # The program asked for in between takes no place among the sampled ones.
    with FakeOpenAI() as other, a_session(other, workers) as plain:
        plain.sample(programs=3)
        kept = [session.programs[i].source for i in (0, 1, 3)]
        assert [p.source for p in plain.programs] == kept


def test_a_message_asked_again_gets_new_replies(fake: FakeOpenAI, workers: Sandbox) -> None:
    with a_session(fake, workers) as session:
        session.ask(Role.TESTER, "An input?", 2)
        session.ask(Role.TESTER, "An input?", 2)
        session.ask(Role.CODER, "An input?", 1)
    seeds = [b["seed"] for b in fake.bodies]
    assert len(set(seeds)) == 5
    with FakeOpenAI() as other, a_session(other, workers) as again:
        again.ask(Role.TESTER, "An input?", 4)
        again.ask(Role.CODER, "An input?", 1)
        assert {b["seed"] for b in other.bodies} == set(seeds)


def test_programs_run_once_on_each_input(fake: FakeOpenAI, workers: Sandbox) -> None:
    fake.writes = lambda body: whole(PROGRAM)
    with a_session(fake, workers) as session:
        session.sample(programs=3)
        right, wrong = Test("4\n", "5\n"), Test("4\n", "6\n")
        before = workers.stats.runs_executed
        outcomes = session.run(session.programs, [right, wrong, Test("7\n", "8\n")])
        assert [[o and o.verdict for o in row] for row in outcomes] == [
            [Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.ACCEPTED]
        ] * 3
        session.run(session.programs, [wrong, right])
        assert workers.stats.runs_executed - before == 2
        assert session.spending.costs.executions == 2


def test_evidence_has_tests_as_columns_and_inputs_as_answers(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    with a_session(fake, workers) as session:
        for text in (PROGRAM, PROGRAM, WRONG):
            fake.writes = lambda _, text=text: whole(text)  # type: ignore[misc]
            session.sample(programs=1)
        fake.writes = lambda _: whole(TEST)
        session.sample(tests=2)
        session.programs.append(replace(session.programs[0], number=3))
        evidence = session.evidence()
        assert evidence.passed_PU.tolist() == [[True] * 2, [True] * 2, [False] * 2, [True] * 2]
        assert evidence.observed_PU.all()
        assert evidence.answers_PI.tolist() == [[0], [0], [1], [0]]
        # An input without an expected output is a column of answers alone.
        outcomes = session.run(session.programs[:1], [input_only("x\n"), input_only("9\n")])
        assert [o and o.verdict for o in outcomes[0]] == [Verdict.RUNTIME_ERROR, Verdict.FINISHED]
        evidence = session.evidence()
        assert evidence.passed_PU.shape == (4, 2)
        assert evidence.answers_PI.tolist() == [
            [0, NONE, 0],
            [0, NONE, 0],
            [1, NONE, 1],
            [0, NONE, 0],
        ]


def test_an_unreadable_response_is_a_candidate_without_a_program(
    fake: FakeOpenAI, workers: Sandbox
) -> None:
    fake.writes = lambda body: whole("I would rather not.")
    with a_session(fake, workers) as session:
        session.sample(programs=1, tests=1)
        assert session.programs[0].source is None
        assert session.tests[0].parsed.test is None
        [[outcome]] = session.run(session.programs, TASK.examples)
        assert outcome is not None
        assert outcome.verdict is Verdict.INVALID
        assert session.evidence().passed_PU.shape == (0, 0)
