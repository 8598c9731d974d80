"""The budget is never exceeded: by hand, and by random interleavings of reservations."""

from __future__ import annotations

import random
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sparring.errors import ConfigError
from sparring.policy.chat.base import ChatParams, ChatReply, ChatRequest, FailedRequest
from sparring.schema import Role, StopReason
from sparring.solving.budget import Budget, Spent
from sparring.solving.spending import LEAST_TOKENS, TEMPLATE_TOKENS, Spending

REQUEST = ChatRequest("t", Role.CODER, 0, "x" * 44, 1, ChatParams(max_tokens=100))
BOUND = TEMPLATE_TOKENS + 44 + 100


def reply(prompt: int | None, completion: int | None) -> ChatReply:
    return ChatReply("", StopReason.END_TOKEN, prompt, completion)


def nth(index: int) -> ChatRequest:
    return replace(REQUEST, index=index)


def test_a_reservation_becomes_what_the_reply_has_cost() -> None:
    spending = Spending(Budget(tokens=BOUND))
    assert spending.reserve(REQUEST) is REQUEST
    assert spending.attempt(REQUEST)
    spending.settle(REQUEST, reply(10, 20))
    assert (spending.costs.tokens, spending.costs.requests) == (30, 1)
    assert spending.costs.bounded == 0


def test_a_server_without_usage_is_counted_by_the_bound() -> None:
    spending = Spending(Budget())
    spending.reserve(REQUEST)
    spending.attempt(REQUEST)
    spending.settle(REQUEST, reply(None, None))
    assert (spending.costs.tokens, spending.costs.bounded) == (BOUND, 1)


def test_every_attempt_is_a_request_and_a_broken_one_costs_its_bound() -> None:
    spending = Spending(Budget(requests=3))
    spending.reserve(REQUEST)
    assert [spending.attempt(REQUEST) for _ in range(4)] == [True, True, True, False]
    spending.settle(REQUEST, FailedRequest("gone"))
    assert (spending.costs.requests, spending.costs.tokens) == (3, 3 * BOUND)
    assert spending.spent() is Spent.REQUESTS


def test_a_refused_attempt_costs_a_request_and_no_token() -> None:
    spending = Spending(Budget(tokens=BOUND, requests=5))
    spending.reserve(REQUEST)
    for _ in range(3):
        assert spending.attempt(REQUEST)
        spending.refused(REQUEST)
    assert spending.attempt(REQUEST)
    spending.settle(REQUEST, reply(30, 40))
    assert (spending.costs.requests, spending.costs.tokens) == (4, 70)
    spending = Spending(Budget())
    spending.reserve(REQUEST)
    spending.attempt(REQUEST)
    spending.refused(REQUEST)
    spending.settle(REQUEST, FailedRequest("busy"))
    assert (spending.costs.requests, spending.costs.tokens) == (1, 0)


def test_a_limit_of_the_users_own_is_the_bound() -> None:
    spending = Spending(Budget(tokens=BOUND + 899), fixed_response=1000)
    assert spending.reserve(REQUEST) is None
    assert spending.spent() is Spent.TOKENS
    spending = Spending(Budget(tokens=BOUND + 900), fixed_response=1000)
    assert spending.reserve(REQUEST) is REQUEST
    spending.settle(REQUEST, reply(None, None))
    assert spending.costs.tokens == BOUND + 900


def test_a_request_that_was_never_sent_costs_nothing() -> None:
    spending = Spending(Budget(requests=1))
    spending.reserve(REQUEST)
    spending.settle(REQUEST, None)
    assert spending.costs.requests == 0
    assert spending.spent() is None


def test_a_settled_request_may_not_be_sent_again() -> None:
    spending = Spending(Budget())
    spending.reserve(REQUEST)
    spending.settle(REQUEST, None)
    assert not spending.attempt(REQUEST)


def test_little_that_is_left_shortens_a_response() -> None:
    spending = Spending(Budget(tokens=BOUND - 1))
    sent = spending.reserve(REQUEST)
    assert sent is not None
    assert sent.params.max_tokens == 99
    # While it is in flight nobody knows what it will leave.
    assert spending.reserve(nth(1)) is None
    assert spending.spent() is None
    spending.settle(sent, None)
    assert spending.reserve(nth(1)) is not None


def test_too_little_for_a_response_is_spent() -> None:
    spending = Spending(Budget(tokens=BOUND - 100 + LEAST_TOKENS - 1))
    assert spending.reserve(REQUEST) is None
    assert spending.spent() is Spent.TOKENS
    assert Spending(Budget(tokens=BOUND - 100 + LEAST_TOKENS)).reserve(REQUEST) is not None


def test_a_template_above_the_allowance_is_learned() -> None:
    spending = Spending(Budget(tokens=10 * BOUND))
    spending.reserve(REQUEST)
    spending.attempt(REQUEST)
    spending.settle(REQUEST, reply(TEMPLATE_TOKENS + 44 + 500, 0))
    limited = Spending(Budget(tokens=spending.costs.tokens + BOUND + 499))
    assert spending.costs.prompt_tokens == TEMPLATE_TOKENS + 544
    limited.charge(REQUEST, reply(TEMPLATE_TOKENS + 44 + 500, 0))
    sent = limited.reserve(nth(1))
    assert sent is not None
    assert sent.params.max_tokens == 99


def test_seconds_are_those_of_the_clock() -> None:
    now = [100.0]
    spending = Spending(Budget(seconds=5), clock=lambda: now[0])
    assert spending.seconds_left() == 5
    now[0] += 4
    assert (spending.seconds_left(), spending.asking_seconds_left()) == (1, 0.5)
    assert spending.spent() is None
    now[0] += 0.5
    assert (spending.seconds_left(), spending.asking_seconds_left()) == (0.5, 0)
    assert spending.spent() is Spent.SECONDS
    assert spending.reserve(REQUEST) is None
    assert spending.executions(3) == 3
    now[0] += 1.5
    assert spending.seconds_left() == 0
    assert spending.costs.seconds == 6


def test_at_most_five_seconds_are_kept_for_executions() -> None:
    spending = Spending(Budget(seconds=600), clock=lambda: 0.0)
    assert spending.asking_seconds_left() == 595
    assert Spending(Budget()).asking_seconds_left() is None


def test_executions_are_granted_as_far_as_they_reach() -> None:
    spending = Spending(Budget(executions=10))
    assert [spending.executions(n) for n in (4, 4, 4, 4)] == [4, 4, 2, 0]
    assert spending.spent() is Spent.EXECUTIONS
    assert Spending(Budget()).executions(10**9) == 10**9


@pytest.mark.parametrize("part", list(Spent))
def test_a_budget_below_0_is_refused(part: Spent) -> None:
    with pytest.raises(ConfigError, match=f"--{part}"):
        Budget(**{part.value: -1})


STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["reserve", "attempt", "refuse", "reply", "unknown", "fail", "drop", "run"]
        ),
        st.integers(0, 7),
        st.integers(1, 300),
    ),
    max_size=60,
)


@given(STEPS, st.integers(0, 3000), st.integers(0, 6), st.integers(0, 50))
def test_no_order_of_events_exceeds_a_budget(
    steps: list[tuple[str, int, int]], tokens: int, requests: int, executions: int
) -> None:
    """Requests are reserved, attempted, answered, broken off and dropped in any order."""
    budget = Budget(tokens=tokens, requests=requests, executions=executions)
    spending = Spending(budget)
    open_requests: dict[int, ChatRequest] = {}
    for serial, (step, which, size) in enumerate(steps):
        request = open_requests.get(which)
        if step == "reserve" and request is None:
            wanted = replace(
                REQUEST, index=serial, message="y" * size, params=ChatParams(max_tokens=size)
            )
            sent = spending.reserve(wanted)
            if sent is not None:
                assert 1 <= sent.params.max_tokens <= size
                open_requests[which] = sent
        elif step == "run":
            spending.executions(size)
        elif request is not None and step == "attempt":
            spending.attempt(request)
        elif request is not None and step == "refuse":
            spending.refused(request)
        elif request is not None and step in ("reply", "unknown", "fail", "drop"):
            answer = {
                "reply": reply(len(request.message) + 9, request.params.max_tokens),
                "unknown": reply(None, None),
                "fail": FailedRequest("x"),
                "drop": None,
            }[step]
            spending.attempt(request) if isinstance(answer, ChatReply) else None
            spending.settle(request, answer)
            del open_requests[which]
        costs = spending.costs
        assert costs.tokens <= tokens
        assert costs.requests <= requests
        assert costs.executions <= executions
    for request in open_requests.values():
        spending.settle(request, None)
    assert spending.costs.tokens <= tokens
    assert spending.costs.requests <= requests


def test_threads_together_exceed_no_budget() -> None:
    spending = Spending(Budget(tokens=20 * BOUND, requests=45, executions=1000))

    def work(number: int) -> None:
        rng = random.Random(number)
        for k in range(60):
            sent = spending.reserve(nth(1000 * number + k))
            spending.executions(rng.randrange(5))
            if sent is None:
                continue
            while spending.attempt(sent) and rng.random() < 0.3:
                pass
            spending.settle(sent, rng.choice([reply(44, 100), reply(None, None), None]))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    costs = spending.costs
    assert 0 < costs.tokens <= 20 * BOUND
    assert 0 < costs.requests <= 45
    assert costs.executions <= 1000


def test_a_server_that_ignores_the_limit_exceeds_the_budget_only_once() -> None:
    """Every response is five times as long as it may be; the second wave is as small as needed."""
    spending = Spending(Budget(tokens=10 * BOUND))
    sent = 0
    for wave in range(20):
        requests = [nth(100 * wave + k) for k in range(3)]
        held = [r for r in map(spending.reserve, requests) if r is not None]
        for request in held:
            spending.attempt(request)
        for request in held:
            spending.settle(request, reply(300, 500))
        sent += len(held)
    assert spending.spent() is Spent.TOKENS
    assert spending.costs.tokens <= 10 * BOUND
    assert sent == 5
