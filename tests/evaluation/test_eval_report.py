"""What people and the Hub read of an evaluation, and how it tells of itself."""

from __future__ import annotations

import io
from typing import Any

import yaml
from huggingface_hub.repocard_data import model_index_to_eval_results
from rich.console import Console

from sparring.evaluation.progress import EvaluationProgress
from sparring.evaluation.report import (
    card,
    choice_rows,
    figure_rows,
    lines,
    markdown,
    tables,
)
from sparring.policy.chat.base import ChatParams, ChatReply, ChatRequest, FailedRequest
from sparring.runs.choice_blocks import choice_blocks, tokens_of
from sparring.schema import Role, StopReason


def record() -> dict[str, Any]:
    def figure(mean: float | None, tasks: int = 4) -> dict[str, Any]:
        return {"mean": mean, "low": 0.25, "high": 0.75, "n_tasks": tasks}

    counts = {
        "responses": 8,
        "cut_off": 1,
        "failures": {"no_code_block": 2},
        "characters": 40.0,
        "tokens": None,
        "prompt_tokens": None,
        "completion_tokens": None,
    }
    return {
        "models": {"coder": {"name": 'a: "b"\n- c', "identity": {}}},
        "figures": {
            "bon_2x2": figure(0.5),
            "oracle_2x2": figure(0.6),
            "mu": figure(-0.25),
            "pass@2": figure(0.5),
            "pass@1": figure(0.5),
            "unknown_thing": figure(0.125),
            "p01": figure(None, 0),
        },
        "official": {
            "code_acc": 0.0,
            "p_00": None,
            "bon_2x2_acc": 0.5,
            "tasks": 4.0,
            "without_test": 1.0,
            "masked": 0.0,
        },
        "conditions": {
            "sources": ["data/x#y.jsonl"],
            "programs": 2,
            "tests": 2,
            "params": {"temperature": 0.8, "top_p": 1.0, "top_k": 40, "max_tokens": 100},
            "seed": 0,
            "checkers": ["tokens"],
            "mutants": 20,
            "max_tests": None,
            "grader": "2",
            "sparring": "0",
            "sandbox": {"level": "namespaces", "python": "3", "machine": "m"},
            "limits": {"idle_seconds": 2.0},
            "top_k_sent": {"coder": False},
        },
        "responses": {"coder": counts},
        "verdicts": {"accepted": 3},
        "infra_share": 0.01,
        "left_out": ["t9"],
        "tasks": [{"id": str(i)} for i in range(4)],
    }


def test_figures_that_people_know_come_first_and_none_is_lost() -> None:
    groups = figure_rows(record())
    assert list(groups) == ["programs", "tests against wrong programs", "other figures"]
    rows = [row for group in groups.values() for row in group]
    assert rows[0] == ("programs right (pass@1)", "50.0% [25.0, 75.0]", "4")
    labels = [r[0] for r in rows]
    assert labels[1] == "pass@2"
    assert labels[-1] == "unknown thing"
    assert ("μ", "-0.25 [0.25, 0.75]", "4") in rows
    assert not any("p01" in x for x in labels)  # known for no task


def test_ways_of_choosing_stand_beside_each_other() -> None:
    [block] = choice_blocks(record()["figures"])
    assert choice_rows(record(), block) == [
        ("one sample (pass@1)", "50.0% [25.0, 75.0]", "4"),
        ("tests passed", "50.0% [25.0, 75.0]", "4"),
        ("oracle", "60.0% [25.0, 75.0]", "4"),
    ]
    assert "| tests passed | 50.0% [25.0, 75.0] | 4 |" in markdown(record())
    assert [t.title for t in tables(record())][1] == "One of 2 programs chosen by 2 tests"


def test_a_scale_costs_the_tokens_of_its_responses() -> None:
    """Two programs of 40 tokens and two tests of 15; unknown where a server counts none."""
    known = record()
    known["responses"]["coder"] = known["responses"]["coder"] | {"tokens": 40.0}
    [block] = choice_blocks(known["figures"])
    assert tokens_of(known, block) is None
    known["models"]["tester"] = known["models"]["coder"]
    known["responses"]["tester"] = known["responses"]["coder"] | {"tokens": 15.0}
    assert tokens_of(known, block) == 110.0
    assert "One of 2 programs chosen by 2 tests (110 tokens a task):" in markdown(known)


def test_the_card_is_a_model_index_that_the_hub_reads() -> None:
    text = card(record())
    _, front, rest = text.split("---\n")
    data = yaml.safe_load(front)
    name, results = model_index_to_eval_results(data["model-index"])
    assert name == 'a: "b"\n- c'
    found = {r.metric_name: r.metric_value for r in results}
    assert found["pass@1"] == 0.5
    assert found["mu"] == -0.25
    assert "p01" not in found
    assert results[0].dataset_type == "x_y_jsonl"
    assert "T 0.8" in rest
    assert "checker tokens" in rest


def test_responses_that_count_for_no_figure_are_reported() -> None:
    said = "\n".join(lines(record()))
    assert "2 no_code_block" in said
    assert "which no figure counts: 1.00%" in said
    assert "top-k was not sent" in said
    assert "(4 tasks, 1 without a test left out): code_acc 0.0%, bon_2x2_acc 50.0%" in said
    text = markdown(record())
    assert "responses are missing: 1 tasks" in text
    assert "\\#y.jsonl" in text


def test_progress_says_rate_and_time_left() -> None:
    now = 0.0
    out = io.StringIO()
    progress = EvaluationProgress(Console(file=out, width=200), clock=lambda: now)
    ask = ChatRequest("t", Role.CODER, 0, "m", 0, ChatParams())
    with progress:
        progress.start_counting(1000, 100)
        for _ in range(100):
            now += 1.0
            progress.record_reply(ask, ChatReply("x", StopReason.END_TOKEN, 3, 50))
            progress.beat()
        now += 1.0
        progress.record_reply(ask, FailedRequest("why"))
    printed = out.getvalue().splitlines()
    assert printed[0] == "100 of 1,000 responses are recorded already"
    # Too few responses to know the time left; then a line every half minute, not one per response.
    assert printed[1:] == [
        "responses 130/1,000, 1.0/s, 50 tokens/s",
        "responses 160/1,000, 1.0/s, 50 tokens/s",
        "responses 190/1,000, 1.0/s, 50 tokens/s, 13:30 left",
    ]
    assert progress.line().endswith("1 missing")


def test_failed_requests_take_time_and_do_not_come_again() -> None:
    now = 0.0
    progress = EvaluationProgress(Console(file=io.StringIO()), clock=lambda: now)
    ask = ChatRequest("t", Role.CODER, 0, "m", 0, ChatParams())
    progress.start_counting(100, 0)
    for _ in range(40):
        progress.record_reply(ask, ChatReply("x", StopReason.END_TOKEN, 3, None))
        progress.record_reply(ask, FailedRequest("why"))
    now = 80.0
    assert progress.line() == "responses 40/100, 0.5/s, 0:20 left, 40 missing"
