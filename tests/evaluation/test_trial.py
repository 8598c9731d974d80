"""``sparring prompts try``: counts of readable responses, with the reason for each refusal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.main import app
from sparring.errors import ConfigError, ModelError
from tests.evaluation.eval_command import write_tasks
from tests.fake_openai import PROGRAM, TEST, FakeOpenAI, whole


def tried(*args: Any) -> tuple[str, list[dict[str, Any]]]:
    """The output and the parts of the first prompts."""
    found = CliRunner().invoke(app, ["prompts", "try", *map(str, args)])
    if found.exception is not None:
        raise found.exception
    out = Path(args[args.index("--out") + 1])
    record = json.loads((out / "trial.json").read_text())
    return found.output, next(iter(record.values()))


def mixed(body: dict[str, Any]) -> dict[str, Any]:
    """For the coder a program, an apology and one that is cut off; for the tester a right test, a
    wrong one, the public example and a header without a block."""
    tester = "Write one test" in body["messages"][0]["content"]
    number = body["seed"] % 4
    if not tester:
        if number == 0:
            return whole("I am sorry, that is beyond me.")
        return whole(PROGRAM[:-10], "length") if number == 1 else whole(PROGRAM)
    wrong = TEST.replace("5", "6")
    copied = TEST.replace("4", "1").replace("5", "2")
    return whole([TEST, wrong, copied, "**Test Input:** 4"][number])


def test_every_share_is_counted_and_each_refusal_has_an_example(
    fake: FakeOpenAI, tmp_path: Path
) -> None:
    extra = {"example_input": ["1\n"], "example_output": ["2\n"]}
    tasks = write_tasks(tmp_path / "t.jsonl", 8, extra)
    fake.writes = mixed
    out = tmp_path / "out"
    text, [coder, tester] = tried(tasks, "--model", fake.url, "-n", 8, "--out", out)
    assert "in statement" in text
    assert "8 stdin" in text  # nothing is cut off where the output is piped
    assert (coder["role"], coder["kind"], coder["tasks"], coder["responses"]) == (
        "coder", "stdin", 8, 64,
    )  # fmt: skip
    bodies = [b for b in fake.bodies if "Write one test" not in b["messages"][0]["content"]]
    by_number = [sum(b["seed"] % 4 == i for b in bodies) for i in range(4)]
    assert coder["refused"] == {
        "no_code_block": by_number[0], "truncated": by_number[1],
    }  # fmt: skip
    assert coder["read"] == pytest.approx((by_number[2] + by_number[3]) / 64)
    assert coder["cut_off"] == pytest.approx(by_number[1] / 64)
    assert (coder["tokens"], coder["right"]) == (5, 1.0)
    asked = [b for b in fake.bodies if "Write one test" in b["messages"][0]["content"]]
    right, wrong, copied, bad = (sum(b["seed"] % 4 == i for b in asked) for i in range(4))
    assert tester["refused"] == {"no_test_input": bad}
    assert tester["right"] == pytest.approx((right + copied) / (64 - bad))
    assert tester["in_statement"] == pytest.approx(copied / (64 - bad))
    assert wrong
    # The message as it is sent, a line for each refusal, the end of the response.
    assert "Add one (variant 0)." in text
    assert "I am sorry, that is beyond me." in text
    assert "refused" in text
    assert "no_code_block" in text


def test_responses_are_kept_and_asked_for_once(fake: FakeOpenAI, tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", 2)
    command = (tasks, "--model", fake.url, "-n", 2, "--out", tmp_path / "out")
    first = tried(*command)
    asked = len(fake.bodies)
    assert tried(*command)[1] == first[1]
    assert len(fake.bodies) == asked == 8


def test_several_prompts_are_compared_in_one_run(fake: FakeOpenAI, tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", 2)
    own = tmp_path / "own.toml"
    own.write_text('[prompts]\ncoder = "Shortly: {statement}"\n')
    out = tmp_path / "out"
    text, _ = tried(
        tasks, "--model", fake.url, "-n", 1, "--out", out, "--recipe", own, "--recipe", "default"
    )
    record = json.loads((out / "trial.json").read_text())
    assert list(record) == [str(own), "default"]
    assert "Shortly: Add one (variant 0)." in text
    assert {b["messages"][0]["content"] for b in fake.bodies} >= {
        "Shortly: Add one (variant 0).", "Shortly: Add one (variant 1).",
    }  # fmt: skip


def test_a_trial_without_a_complete_task_is_an_error(fake: FakeOpenAI, tmp_path: Path) -> None:
    tasks = write_tasks(tmp_path / "t.jsonl", 2)
    with pytest.raises(ConfigError, match=r"--precision: is for a local model"):
        tried(tasks, "--model", fake.url, "--precision", "bfloat16", "--out", tmp_path / "o")
    with pytest.raises(ConfigError, match=r"t0 is in another source too.*--prefix"):
        tried(tasks, tasks, "--model", fake.url, "--out", tmp_path / "o")
    fake.always = (401, {}, b"{}")
    with pytest.raises(ModelError, match=r" --key |\(--key names another"):
        tried(tasks, "--model", fake.url, "--out", tmp_path / "o")
