"""Environment for `verifiers` and prime-rl, in which one model learns both roles.

    vf-eval sparring-pair --env.taskset.tasks tasks.jsonl --model M …

An episode is one task. The seat ``coder`` writes n programs and the seat ``tester`` m tests; every
program runs on every test in our sandbox, and each trace gets the reward of its role. Seats are
ordinary seats: each can have its own model, endpoint and sampling.

By default the recorded reward is the advantage of our own training. Its mean over a seat's traces
in an episode is 0, so a trainer that subtracts this mean, and divides by nothing, learns from
exactly these advantages: prime-rl's ``grpo`` with ``episode_agents = ["coder", "tester"]``. A trace
without a label is marked as not trainable. docs/trainers.md has a recipe.

The package `sparring_pair` exports the three classes under the id ``sparring-pair``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import verifiers.v1 as vf
from pydantic import Field
from verifiers.v1.runtimes import ProgramResult, SubprocessConfig

from sparring.config.load import load_recipe
from sparring.config.recipe import Recipe
from sparring.integrations.completions import answer_text
from sparring.integrations.pair import PairRewards, check_examples, pair_rewards
from sparring.sandbox import Sandbox
from sparring.schema import Role, Task, Verdict
from sparring.tasks.sources import load_tasks

CODER, TESTER = str(Role.CODER), str(Role.TESTER)
"""Names of the seats."""


class PairData(vf.TaskData):
    """A task as both seats see it: ``prompt`` is the coder's message. Ground truth stays in the
    environment, and is in no trace."""

    tester_prompt: str = ""
    """The tester's message."""


class PairTask(vf.Task[PairData]):
    """A task of ours. The environment scores it, for a test is paid by programs of other traces."""

    def __init__(self, data: PairData, config: vf.TaskConfig | None, task: Task) -> None:
        super().__init__(data, config)
        self.task = task

    @property
    def key(self) -> str:
        """Identity of the task: its id."""
        return self.task.id

    def for_tester(self) -> PairTask:
        """Return the task with the tester's message as its prompt."""
        for_tester: PairTask = self.with_data(prompt=self.data.tester_prompt)
        return for_tester


class PairTasksetConfig(vf.TasksetConfig):
    """The taskset: ``--env.taskset.*``."""

    tasks: list[str] = Field(default=["microworld:train"])
    """Task files, or names of embedded tasks, as `sparring train` takes them."""
    count: int | None = Field(default=None, ge=1)
    """Number of tasks, the first ones; None: all of them, of embedded tasks 100."""
    recipe: Path | None = None
    """Recipe whose sections [prompts] and [reward] say how the roles are asked, read and paid."""


class PairTaskset(vf.Taskset[PairTask, PairTasksetConfig]):
    """Loader of the tasks."""

    def __init__(self, config: PairTasksetConfig) -> None:
        super().__init__(config)
        self.recipe = Recipe() if config.recipe is None else load_recipe(config.recipe)
        check_examples(self.recipe)

    def load(self) -> Iterator[PairTask]:
        """Yield the tasks."""
        prompts = self.recipe.prompts
        templates = prompts.templates()
        for task in load_tasks(*self.config.tasks, count=self.config.count):
            data = PairData(
                id=task.id,
                prompt=templates.fill(task, Role.CODER, prompts.coder_examples),
                tester_prompt=templates.fill(task, Role.TESTER, prompts.tester_examples),
            )
            yield PairTask(data, self.config.task, task)


class OneAnswerConfig(vf.HarnessConfig):
    """Settings of the harness: none of its own."""


class OneAnswer(vf.Harness[OneAnswerConfig]):
    """Harness of one request and one answer, made in this process: no program is started for it."""

    APPENDS_SYSTEM_PROMPT = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(
        self,
        ctx: vf.ModelContext,
        trace: vf.Trace,
        runtime: vf.Runtime,
        endpoint: str,
        secret: str,
        mcp_urls: dict[str, str],
        data: vf.TaskData,
    ) -> ProgramResult:
        """Send the prompt, and wait for the answer; the framework records both."""
        system, prompt = self.resolve_text_prompt(data)
        messages = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": prompt or ""})
        async with httpx.AsyncClient(timeout=None, trust_env=False) as client:
            reply = await client.post(
                f"{endpoint}/chat/completions",
                json={"model": ctx.model, "messages": messages},
                headers={"Authorization": f"Bearer {secret}"},
            )
        if reply.is_success:
            return ProgramResult(0, "", "")
        return ProgramResult(1, "", f"status {reply.status_code}: {reply.text[:1000]}")


class PairEnvConfig(vf.EnvConfig):
    """The environment: ``--env.*``."""

    coder: vf.AgentConfig = vf.AgentConfig(runtime=SubprocessConfig())
    """Seat that writes programs."""
    tester: vf.AgentConfig = vf.AgentConfig(runtime=SubprocessConfig())
    """Seat that writes tests."""
    programs: int = Field(8, ge=1)
    """Programs per episode."""
    tests: int = Field(8, ge=0)
    """Tests per episode."""
    pays_advantages: bool = True
    """Record our advantages as rewards; False: the rewards themselves."""
    workers: int | None = Field(default=None, ge=1)
    """Workers of the sandbox; None: one for each CPU."""


class PairEnv(vf.Env[PairEnvConfig]):
    """Environment with the seats ``coder`` and ``tester``."""

    _sandbox: Sandbox | None = None

    async def start(self) -> None:
        """Open the sandbox that all episodes share. Raises `SandboxError`."""
        self._sandbox = await asyncio.to_thread(
            Sandbox, self.config.workers, skip_after_timeout=True
        )

    async def stop(self) -> None:
        """Close the sandbox."""
        if self._sandbox is not None:
            await asyncio.to_thread(self._sandbox.close)
            self._sandbox = None

    async def run(self, task: PairTask, agents: vf.Agents) -> None:
        """Let the coder write the programs and the tester the tests."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.config.programs):
                group.create_task(agents.coder.run(task))
            for _ in range(self.config.tests):
                group.create_task(agents.tester.run(task.for_tester()))

    async def finalize(self, task: PairTask, episode: vf.Episode) -> None:
        """Run every program on every test, and record the reward and the reason of each trace.

        Raises `RuntimeError` where an execution failed on our side: the episode then failed, and
        may be played again (``--env.retries``), but no trace of it is paid.
        """
        seats = episode.by_agent
        coder = [t for t in seats.get(CODER, []) if t.ok]
        tester = [t for t in seats.get(TESTER, []) if t.ok]
        [one] = await asyncio.to_thread(
            pair_rewards,
            [task.task],
            [[self._answer(t) for t in coder]],
            [[self._answer(t) for t in tester]],
            recipe=self._recipe,
            sandbox=self._sandbox,
        )
        if any(o.verdict is Verdict.INFRA for row in one.graded.outcomes_PT for o in row):
            raise RuntimeError(f"task {task.task.id}: the sandbox failed on an execution")
        for traces, role in ((coder, Role.CODER), (tester, Role.TESTER)):
            _record(traces, one, role, self.config.pays_advantages)

    def _answer(self, trace: vf.Trace) -> str:
        """Return the text of a trace's answer, as it is read."""
        messages = [message.model_dump() for message in trace.assistant_messages]
        return answer_text(messages, trace.id, self._recipe.prompts.reading("").reasoning)

    @property
    def _recipe(self) -> Recipe:
        assert isinstance(self.taskset, PairTaskset)
        return self.taskset.recipe


def _record(traces: list[vf.Trace], one: PairRewards, role: Role, pays_advantages: bool) -> None:
    rewards, gains, reasons = (
        (one.coder, one.coder_advantages, one.coder_reasons)
        if role is Role.CODER
        else (one.tester, one.tester_advantages, one.tester_reasons)
    )
    for trace, reward, gain, reason in zip(traces, rewards, gains, reasons, strict=True):
        trace.info["sparring"] = {"reason": reason}
        if reward is None:
            # A number would be a guess; a trace that is not trainable has no part in the mean.
            trace.agent.trainable = False
            continue
        trace.record_metric("advantage", gain)
        trace.record_metric("pair_reward", reward)
        trace.record_reward("pair", gain if pays_advantages else reward)


__all__ = ["OneAnswer", "PairEnv", "PairTaskset"]
