"""Session on one problem: models, sandbox, budget and record behind a few verbs.

Every strategy and pipeline is a function of a session. When the budget ends, or the user stops, the
verbs return less than was asked for, down to nothing; `over` then gives the reason. A strategy
therefore needs no other code for the end of a budget than to decide with what it has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sparring.evaluation.chat_models import RoleModel, reading_of, response_text
from sparring.grading import reading
from sparring.policy.base import sampling_seed
from sparring.policy.chat.base import ChatReply, ChatRequest, StopAsking
from sparring.prompts.opening import begun_with
from sparring.prompts.reasoning import answer_of
from sparring.prompts.rules import ReadingRules
from sparring.sandbox import Runner
from sparring.schema import Outcome, Response, Role, Task, Test
from sparring.selection.evidence import Evidence
from sparring.solving.asking import Asking
from sparring.solving.candidates import ProgramCandidate, TestCandidate
from sparring.solving.inputs import is_input_only
from sparring.solving.observed import evidence_from
from sparring.solving.options import Sizes as Sizes
from sparring.solving.options import SolveOptions
from sparring.solving.records import SessionRecords, no_records
from sparring.solving.running import Running
from sparring.solving.spending import Spending

STOPPED = "stopped"
"""`Session.over` after Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Step:
    """Step of a decision: its name, a line for people, and facts for programs."""

    step: str
    text: str
    facts: Mapping[str, object] = field(default_factory=dict)


class Session:
    """What strategies and pipelines work with.

    ``task.examples`` are the public examples, ``task.tests`` the user's binding tests; both may be
    empty. ``programs`` and ``tests`` are all candidates so far, in the order of their numbers,
    unreadable ones included. ``inputs`` are the inputs without an expected output that programs
    were run on, ``steps`` what `note` has recorded.
    """

    def __init__(
        self,
        task: Task,
        options: SolveOptions,
        models: Mapping[Role, RoleModel],
        sandbox: Runner | None,
        *,
        spending: Spending | None = None,
        records: SessionRecords | None = None,
        readings: Mapping[Role, ReadingRules] | None = None,
        stop: StopAsking = lambda: False,
        on_step: Callable[[Step], None] = lambda step: None,
    ) -> None:
        """``stop`` returns true once the user has asked to stop. ``on_step`` gets each step when it
        is noted. What ``records`` hold is neither asked for nor executed again; without them
        nothing is kept. ``readings``: the rules by which each role's responses are read, by default
        those that its model needs. A replay needs no ``sandbox``."""
        self.task, self.options, self.sizes = task, options, options.sizes
        self.programs: list[ProgramCandidate] = []
        self.tests: list[TestCandidate] = []
        self.inputs: list[Test] = []
        self.steps: list[Step] = []
        identities = {role: m.chat_model.identity for role, m in models.items()}
        records = records or no_records(identities)
        self.spending = spending or Spending(options.budget, options.fixed_response)
        self.spending.attach(records.attempts, records.earlier())
        self._stop, self._on_step = stop, on_step
        self._replayed, self._ended = records.replayed is not None, records.ended
        self._has_ended = self._replayed
        self._first = options.first_requests(task)
        prompts = {request.message for request in self._first.values()}
        self._asking = Asking(models, self.spending, records, prompts, stop)
        self._running = Running(task, sandbox, self.spending, records.executions, stop)
        self._sampled = dict.fromkeys(Role, 0)
        self._asked: Counter[tuple[Role, str]] = Counter()
        self.readings: Mapping[Role, ReadingRules] = readings or {
            role: reading_of(
                m.chat_model, options.asking.prompts_for(role), self._first[role].message
            )
            for role, m in models.items()
        }

    @property
    def over(self) -> str | None:
        """Why nothing more can be had: the part of the budget that is spent, "stopped", "the model
        is gone: …"; None while there is more."""
        if self._stop():
            return STOPPED
        if (spent := self.spending.spent()) is not None:
            return spent
        return self._asking.gone

    @property
    def ended_by(self) -> str | None:
        """What was over when the session ended: `over` at the first look at this property, which is
        for the decision alone. In a replay that decides as recorded, what was over then."""
        if not self._has_ended:
            self._ended, self._has_ended = self.over, True
        return self._ended or (self.over if self._replayed else None)

    @property
    def refusal(self) -> str | None:
        """Why a model refused a role's own prompt, such as a wrong key; None where none did."""
        return self._asking.refusal

    @property
    def unanswered(self) -> list[str]:
        """Why requests had no answer after all attempts. A message that the model refused, such as
        one that is too long, is answered in this sense."""
        return self._asking.unanswered

    @property
    def sampled_programs(self) -> int:
        """Programs that were sampled with the coder's own prompt, or asked for in vain."""
        return self._sampled[Role.CODER]

    @property
    def sampled_tests(self) -> int:
        """Tests that were sampled with the tester's own prompt, or asked for in vain."""
        return self._sampled[Role.TESTER]

    def sample(self, programs: int = 0, tests: int = 0) -> None:
        """Sample further programs and tests with the roles' own prompts, both roles at once, and
        add them to ``programs`` and ``tests``. The k-th program equals that of `sparring eval` with
        the same seed."""
        requests = []
        for role, count in ((Role.CODER, programs), (Role.TESTER, tests)):
            start = self._sampled[role]
            self._sampled[role] += count
            first = self._first[role]
            requests += [replace(first, index=start + k) for k in range(count)]
        for request, reply in zip(requests, self._asking.replies(requests), strict=True):
            if reply is not None and request.role is Role.CODER:
                self.read_program(reply, "sampled")
            elif reply is not None:
                self.read_test(reply, "sampled")

    def ask(self, role: Role, message: str, count: int = 1) -> list[ChatReply]:
        """Send a message of one's own to a role's model; return up to ``count`` replies. A message
        that was sent before gets new replies."""
        return [r for r in self.ask_each(role, [message] * count) if r is not None]

    def ask_each(self, role: Role, messages: Sequence[str]) -> list[ChatReply | None]:
        """Send messages of one's own to a role's model, at once; return the reply to each, None
        where there is none."""
        params = self._first[role].params
        seed = sampling_seed(self.options.asking.seed, -1, self.task.id, f"{role} asked")
        requests = []
        for message in messages:
            index = self._asked[role, message]
            self._asked[role, message] += 1
            requests.append(ChatRequest(self.task.id, role, index, message, seed, params))
        return self._asking.replies(requests)

    def answer_text(self, role: Role, reply: ChatReply) -> str:
        """Return a reply's text without its reasoning, for what is no program and no test."""
        response, rules = self._response(role, 0, reply)
        marks = begun_with(response.text, rules.reasoning)
        return answer_of(response.text, marks, reply.stop)

    def read_program(
        self, reply: ChatReply, origin: str, parent: int | None = None
    ) -> ProgramCandidate:
        """Read the program in a reply, and add the candidate to ``programs``."""
        number = len(self.programs)
        response, rules = self._response(Role.CODER, number, reply)
        parsed = reading.read_program(self.task, response, rules)
        candidate = ProgramCandidate(number, reply, parsed, origin, parent)
        self.programs.append(candidate)
        return candidate

    def read_test(self, reply: ChatReply, origin: str, parent: int | None = None) -> TestCandidate:
        """Read the test in a reply, and add the candidate to ``tests``."""
        number = len(self.tests)
        response, rules = self._response(Role.TESTER, number, reply)
        parsed = reading.read_test(self.task, response, rules)
        candidate = TestCandidate(number, reply, parsed, origin, parent)
        self.tests.append(candidate)
        return candidate

    def run(
        self, programs: Sequence[ProgramCandidate], tests: Sequence[Test]
    ) -> list[list[Outcome | None]]:
        """Run programs on tests and compare the outputs: outcomes [P, T]. Each pair is executed
        once in a session. None where the budget had no execution left; INVALID for an unreadable
        program.
        A test whose expected output is unknown (`input_only`) is run and never accepted."""
        new = (test for test in tests if is_input_only(test))
        self.inputs = list(dict.fromkeys([*self.inputs, *new]))
        return self._running.outcomes([p.source for p in programs], tests)

    def evidence(
        self,
        programs: Sequence[ProgramCandidate] | None = None,
        tests: Sequence[Test] | None = None,
    ) -> Evidence:
        """Return the evidence of programs (all readable ones) on tests (all readable generated
        ones, and all inputs that programs were run on), running what has not run yet."""
        if programs is None:
            programs = [p for p in self.programs if p.source is not None]
        if tests is None:
            tests = [*(t.parsed.test for t in self.tests if t.parsed.test), *self.inputs]
        outcomes = self.run(programs, tests)
        return evidence_from(tests, outcomes)

    def seen(
        self, programs: Sequence[ProgramCandidate], tests: Sequence[Test]
    ) -> list[list[Outcome | None]]:
        """Return the outcomes [P, T] that `run` has brought so far, running nothing."""
        return self._running.known([p.source for p in programs], tests)

    def note(self, step: str, text: str, **facts: object) -> None:
        """Record a step of the decision, for `solve.json` and the account."""
        self.steps.append(Step(step, text, facts))
        self._on_step(self.steps[-1])

    def _response(self, role: Role, number: int, reply: ChatReply) -> tuple[Response, ReadingRules]:
        rules = self.readings[role]
        text = response_text(reply, rules)
        return Response(self.task.id, role, number, (), (), (), reply.stop, text), rules
