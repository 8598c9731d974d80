"""Reward function with which verl trains both roles: coder and tester.

    reward.custom_reward_function.path=pkg://sparring.integrations.verl
    reward.custom_reward_function.name=compute_score
    reward.num_workers=1

verl asks for the reward of one response at a time, but a test is paid by the programs of its task.
So `compute_score` waits until all answers to a task have come, grades them together, and answers
all calls. `rows` makes the data set; it writes the number of answers to wait for into each row.
docs/trainers.md has the settings, and what has not been run. This module does not import verl.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sparring.config.load import load_recipe
from sparring.config.recipe import Recipe
from sparring.errors import DataError
from sparring.integrations.pair import PairRewards, check_examples, pair_rewards
from sparring.sandbox import Sandbox
from sparring.schema import Role, Task
from sparring.tasks.sources import load_tasks

DATA_SOURCE = "sparring-pair"


def rows(
    tasks: str | Path, n: int, recipe: str | Path | None = None, split: str = "train"
) -> list[dict[str, Any]]:
    """Return two rows per task for verl's data set, the coder's and then the tester's.

    ``tasks``: a task file, a data set or embedded tasks, as `load_tasks` takes them; every reward
    worker reads it again. ``n``: answers to each prompt, ``actor_rollout_ref.rollout.n`` (for
    validation ``val_kwargs.n``). ``recipe``: a recipe whose [prompts] and [reward] count. Write the
    rows to Parquet in this order, and set ``data.shuffle=False``.
    """
    if n < 1:
        raise DataError(f"n: is {n}; give the number of answers to each prompt, at least 1")
    # Workers may have another working directory.
    tasks, recipe = _absolute(tasks), None if recipe is None else _absolute(recipe)
    known = _recipe(recipe)
    check_examples(known)
    templates = known.prompts.templates()
    examples = {
        Role.CODER: known.prompts.coder_examples,
        Role.TESTER: known.prompts.tester_examples,
    }
    return [
        {
            "data_source": DATA_SOURCE,
            "prompt": [{"role": "user", "content": templates.fill(task, role, examples[role])}],
            "ability": "code",
            # Ground truth stays in the task file.
            "reward_model": {"style": "rule", "ground_truth": ""},
            "extra_info": {
                "index": 2 * number + place,
                "split": split,
                "task_id": task.id,
                "role": str(role),
                "answers": n,
                "tasks": tasks,
                "recipe": recipe or "",
            },
        }
        for number, task in enumerate(load_tasks(tasks))
        for place, role in enumerate((Role.CODER, Role.TESTER))
    ]


def _absolute(name: str | Path) -> str:
    """Return the absolute path of a file; the name of a data set stays."""
    return str(Path(name).resolve()) if Path(name).exists() else str(name)


@dataclass(slots=True)
class _Group:
    """Answers to one task that have come, and the futures of their rewards."""

    texts: dict[Role, list[str]] = field(default_factory=lambda: {role: [] for role in Role})
    rewards: dict[Role, list[asyncio.Future[dict[str, float]]]] = field(
        default_factory=lambda: {role: [] for role in Role}
    )


PATIENCE = 3600.0
"""Seconds that an answer waits for the others of its task."""
_waiting: dict[tuple[str, ...], _Group] = {}
_paying: set[asyncio.Task[None]] = set()
_opening = threading.Lock()


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: object,
    extra_info: Mapping[str, Any],
    **_others: Any,
) -> dict[str, float]:
    """Return the reward of one answer, when all answers to its task have come.

    ``score`` is the advantage of our own training, for a trainer that subtracts the group's mean,
    which is 0, and divides by nothing. ``pair_reward`` is the reward, NaN without a label: the
    score is then 0, so that nothing is learned from the answer. Raises `DataError`.
    """
    try:
        role, wanted = Role(extra_info["role"]), int(extra_info["answers"])
        key = tuple(str(extra_info[name]) for name in ("tasks", "recipe", "split", "task_id"))
    except (KeyError, ValueError) as error:
        raise DataError(f"extra_info: {error}; build the data set with rows()") from None
    group = _waiting.setdefault(key, _Group())
    if len(group.texts[role]) == wanted:
        raise DataError(
            f"task {key[-1]!r}: has more than {wanted} answers of the {role} at once; give rows() "
            "the number of answers that are sampled, and let each task occur once in a batch"
        )
    reward: asyncio.Future[dict[str, float]] = asyncio.get_running_loop().create_future()
    group.texts[role].append(solution_str)
    group.rewards[role].append(reward)
    if all(len(texts) == wanted for texts in group.texts.values()):
        del _waiting[key]
        # A task of its own: a caller that is cancelled must not take the others with it.
        paying = asyncio.create_task(_pay(key, group))
        _paying.add(paying)
        paying.add_done_callback(_paying.discard)
    try:
        return await asyncio.wait_for(asyncio.shield(reward), PATIENCE)
    except TimeoutError:
        raise DataError(
            f"task {key[-1]!r}: not all of its {wanted} + {wanted} answers came within "
            f"{PATIENCE:,.0f} s; set reward.num_workers=1 and data.shuffle=False, and see that a "
            "batch needs no padding"
        ) from None
    finally:
        if not reward.done():  # the caller is gone, and its answer goes with it
            _forget(key, group, role, reward)


def _forget(
    key: tuple[str, ...], group: _Group, role: Role, reward: asyncio.Future[dict[str, float]]
) -> None:
    if _waiting.get(key) is not group:
        return  # it is being graded
    place = group.rewards[role].index(reward)
    del group.rewards[role][place], group.texts[role][place]
    if not any(group.texts.values()):
        del _waiting[key]


async def _pay(key: tuple[str, ...], group: _Group) -> None:
    """Grade a whole group, and give each waiting call its reward, or the error."""
    tasks, recipe, _, task_id = key
    futures = [reward for rewards in group.rewards.values() for reward in rewards]
    try:
        one = await asyncio.to_thread(_paid, tasks, recipe, task_id, group)
    except Exception as error:  # noqa: BLE001  # each of the waiting calls must end
        for future in futures:
            if not future.done():
                future.set_exception(error)
                future.exception()  # of a caller that is gone, nobody reads it
        return
    for role, rewards, gains in (
        (Role.CODER, one.coder, one.coder_advantages),
        (Role.TESTER, one.tester, one.tester_advantages),
    ):
        for future, reward, gain in zip(group.rewards[role], rewards, gains, strict=True):
            if not future.done():  # a cancelled call waits no more
                value = math.nan if reward is None else reward
                future.set_result({"score": gain, "pair_reward": value})


def _paid(tasks: str, recipe: str, task_id: str, group: _Group) -> PairRewards:
    with _opening:  # groups are graded in threads, and each of these is made once
        known, settings, sandbox = _tasks(tasks), _recipe(recipe or None), _sandbox()
    if task_id not in known:
        raise DataError(f"{tasks}: has no task {task_id!r}; build the data set with rows() again")
    [one] = pair_rewards(
        [known[task_id]],
        [group.texts[Role.CODER]],
        [group.texts[Role.TESTER]],
        recipe=settings,
        sandbox=sandbox,
    )
    return one


@cache
def _tasks(source: str) -> Mapping[str, Task]:
    return {task.id: task for task in load_tasks(source)}


@cache
def _recipe(file: str | None) -> Recipe:
    return Recipe() if file is None else load_recipe(Path(file))


@cache
def _sandbox() -> Sandbox:
    """Open the sandbox of this process, which ends with it."""
    return Sandbox(skip_after_timeout=True)
