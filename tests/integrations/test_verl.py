"""The reward function of verl, called as verl calls it: one answer at a time, all at once."""

from __future__ import annotations

import asyncio
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from sparring import load_tasks, pair_rewards
from sparring.errors import DataError
from sparring.integrations.verl import compute_score, rows
from tests.integrations.test_pair import PROGRAMS, TESTS

WRONG = ["```python\nprint(0)\n```"] * 4


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    file = tmp_path / "tasks.jsonl"
    tasks = [
        {
            "question": f"Read n. Print 2n. ({name})",
            "test_input": ["1\n", "4\n"],
            "test_output": ["2\n", "8\n"],
            "task_id": name,
        }
        for name in ("double", "twice")
    ]
    file.write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return file


async def _scores(
    data: list[dict[str, Any]], answers: dict[tuple[str, str], list[str]]
) -> dict[tuple[str, str], list[dict[str, float]]]:
    """Ask for all scores at once, in a random order."""
    calls = [
        (key, k, row, text)
        for row in data
        for key in [(row["extra_info"]["task_id"], row["extra_info"]["role"])]
        for k, text in enumerate(answers[key])
    ]
    random.Random(1).shuffle(calls)
    scores = await asyncio.gather(
        *(
            compute_score(
                data_source=row["data_source"],
                solution_str=text,
                ground_truth=row["reward_model"]["ground_truth"],
                extra_info=row["extra_info"],
                reward_router_address=None,
            )
            for _, _, row, text in calls
        )
    )
    by_place = {(key, k): score for (key, k, _, _), score in zip(calls, scores, strict=True)}
    return {key: [by_place[key, k] for k in range(len(texts))] for key, texts in answers.items()}


def test_every_answer_gets_the_advantage_of_our_own_training(task_file: Path) -> None:
    data = rows(task_file, 4)
    assert [row["extra_info"]["role"] for row in data] == ["coder", "tester"] * 2
    assert "8" not in json.dumps(data[0]["reward_model"])
    answers = {
        ("double", "coder"): PROGRAMS[0],
        ("double", "tester"): TESTS[0],
        ("twice", "coder"): WRONG,
        ("twice", "tester"): TESTS[0],
    }
    scores = asyncio.run(_scores(data, answers))
    ours = pair_rewards(load_tasks(task_file), [PROGRAMS[0], WRONG], [TESTS[0]] * 2)
    for one in ours:
        for role, rewards, gains in (
            ("coder", one.coder, one.coder_advantages),
            ("tester", one.tester, one.tester_advantages),
        ):
            got = scores[one.task_id, role]
            assert [s["score"] for s in got] == pytest.approx(gains, abs=1e-9)
            for score, reward in zip(got, rewards, strict=True):
                if reward is None:
                    assert math.isnan(score["pair_reward"])
                    assert score["score"] == 0
                else:
                    assert score["pair_reward"] == pytest.approx(reward, abs=1e-9)


def test_a_batch_that_does_not_fit_is_one_clear_error(task_file: Path) -> None:
    data = rows(task_file, 1)

    async def twice() -> None:
        row = data[0]
        first = asyncio.ensure_future(
            compute_score("", "text", "", {**row["extra_info"], "split": "other"})
        )
        await asyncio.sleep(0)
        with pytest.raises(DataError, match="more than 1 answers of the coder at once"):
            await compute_score("", "text", "", {**row["extra_info"], "split": "other"})
        first.cancel()

    asyncio.run(twice())
    with pytest.raises(DataError, match=r"extra_info: .*role.*; build the data set with rows"):
        asyncio.run(compute_score("", "text", "", {}))
    with pytest.raises(DataError, match="n: is 0"):
        rows(task_file, 0)


def test_an_error_reaches_every_call_that_waits(task_file: Path) -> None:
    data = rows(task_file, 1)
    for row in data:
        row["extra_info"]["task_id"] = "gone"

    async def both() -> list[Any]:
        calls = [compute_score("", "text", "", row["extra_info"]) for row in data[:2]]
        return await asyncio.gather(*calls, return_exceptions=True)

    errors = asyncio.run(both())
    assert [type(error) for error in errors] == [DataError, DataError]
    assert "has no task 'gone'" in str(errors[0])


def test_a_caller_that_is_gone_takes_nobody_with_it(task_file: Path) -> None:
    data = rows(task_file, 1)[:2]
    answers = ["```python\nprint(2 * int(input()))\n```", TESTS[0][0]]

    async def both() -> tuple[Any, Any]:
        # A first answer whose caller gives up does not count.
        gone = asyncio.ensure_future(compute_score("", "gone", "", data[0]["extra_info"]))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        coder, tester = (
            asyncio.ensure_future(compute_score("", text, "", row["extra_info"]))
            for text, row in zip(answers, data, strict=True)
        )
        await asyncio.sleep(0)
        tester.cancel()  # the last one, whose call began the grading
        return tuple(await asyncio.gather(coder, tester, return_exceptions=True))

    coder, tester = asyncio.run(both())
    assert coder["pair_reward"] == 2.0
    assert isinstance(tester, asyncio.CancelledError)


def test_an_answer_does_not_wait_for_ever(task_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.integrations.verl.PATIENCE", 0.05)
    [row, *_] = rows(task_file, 1)
    with pytest.raises(DataError, match="not all of its 1 \\+ 1 answers came"):
        asyncio.run(compute_score("", "text", "", row["extra_info"]))
    with pytest.raises(DataError, match="not all"):  # and it is not counted
        asyncio.run(compute_score("", "text", "", row["extra_info"]))
