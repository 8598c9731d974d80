"""A cluster's sandbox without a cluster: chunks, window, losses, and a node's own side."""

from __future__ import annotations

import random
import sys
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sparring.cli.main import main
from sparring.config.load import make_recipe
from sparring.errors import ConfigError, SandboxError
from sparring.sandbox import ClusterSandbox, Job, Level, Limits, Sandbox
from sparring.sandbox.caller import plan
from sparring.sandbox.caller.memo import Memo
from sparring.sandbox.cluster import chunks, node
from sparring.sandbox.cluster.ray_nodes import RayNodes
from sparring.sandbox.cluster.sandbox import LOSSES, LostError
from sparring.sandbox.types import Fork, Stats
from sparring.schema import Outcome, Verdict

LOOP = "n = int(input())\nwhile n: pass\nprint(n)"
SHORT = Limits(cpu_seconds=0.1, idle_seconds=0.4)
Loses = Callable[[chunks.Chunk], bool]


class Fake:
    """Nodes that answer at once, without running anything: program and input one after another."""

    def __init__(self, loses: Loses = lambda _: False, levels: Sequence[str] = ("landlock",)):
        self.loses = loses
        self.levels = levels
        self.sent: dict[Hashable, chunks.Chunk] = {}
        self.runs: list[tuple[bytes, bytes]] = []
        self.chunks: list[int] = []
        self.most = 0
        self.alive = 2
        self.closed = 0
        self.refuses = ""

    def ask(self, level: str | None, fork: str) -> list[chunks.Answer]:
        return [
            {"node": f"n{i}", "level": level or own, "layers": {}}
            if level is None or level == own or own == Level.NAMESPACES
            else {"node": f"n{i}", "refused": f"no {level}"}
            for i, own in enumerate(self.levels)
        ]

    def cpus(self) -> int:
        return self.alive

    def submit(self, level: str, fork: str, chunk: chunks.Chunk) -> Hashable:
        ticket = object()
        self.sent[ticket] = chunk
        self.chunks.append(len(chunk.rows))
        self.most = max(self.most, len(self.sent))
        return ticket

    def wait(self, tickets: Sequence[Hashable], seconds: float) -> list[Hashable]:
        return [t for t in tickets if self.alive][:1]

    def get(self, ticket: Hashable) -> chunks.Answer:
        chunk = self.sent.pop(ticket)
        if self.refuses:
            return {"node": "n7", "refused": self.refuses}
        if self.loses(chunk):
            raise LostError("its node died")
        found = []
        for row in chunk.rows:
            program, mine = row[0], [chunk.inputs[n] for n in row[-1]]
            self.runs += [(program, data) for data in mine]
            texts = [f"{program.decode()}:{data.decode()}" for data in mine]
            found.append([("finished", text, 0.001, 1.0, "") for text in texts])
        return {"seconds": 0.02 * len(chunk.rows), "lost": 0, "outcomes": found}

    def report(self) -> dict[str, object]:
        return {}

    def close(self, tickets: Sequence[Hashable]) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is lost is given out again without waiting."""
    monkeypatch.setattr("sparring.sandbox.cluster.sandbox.AGAIN_SECONDS", (0.0, 0.0, 0.0))


def jobs(programs: int, inputs: int) -> list[Job]:
    return [Job(f"p{k}", tuple(map(str, range(inputs)))) for k in range(programs)]


def right(asked: Sequence[Job], found: Sequence[tuple[Outcome, ...]]) -> bool:
    return [[o.output for o in row] for row in found] == [
        [f"{j.program}:{x}" for x in j.inputs] for j in asked
    ]


def works(asked: Sequence[Job]) -> list[plan.ProgramWork]:
    return plan.make(asked, plan.Call(), Memo(0), Stats(), skip=False).works


def test_a_chunk_is_as_much_as_two_seconds_and_the_last_ones_are_small() -> None:
    pace = chunks.ExecutionPace()
    for _ in range(20):
        pace.add(runs=200, seconds=2.0)  # 0.01 s for a run, 0.1 s for a program of ten
    waiting = deque(works(jobs(400, 10)))
    sizes = []
    while chunk := chunks.take(waiting, pace, slots=4):
        sizes.append(len(chunk))
    assert sum(sizes) == 400
    assert set(sizes[:13]) <= {19, 20}
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-4:] == [1, 1, 1, 1]


def test_a_slower_node_makes_chunks_smaller() -> None:
    def first(seconds: float) -> int:
        pace = chunks.ExecutionPace()
        pace.add(100, seconds)
        return len(chunks.take(deque(works(jobs(1000, 10))), pace, slots=2))

    assert first(0.5) > first(5.0) > first(500.0) == 1


def test_a_chunk_holds_an_input_once_and_says_all_that_a_run_depends_on() -> None:
    asked = [
        Job("a", ("1", "2"), SHORT),
        Job("b", ("2", "1", "2"), Limits(), kind=chunks.TestKind.CALL, entry_point="f"),
    ]
    sent = works(asked)
    sent[1].skip = sent[1].alone = True
    sent[1].outcomes[b"known"] = Outcome(Verdict.FINISHED, cpu_seconds=0.7)
    chunk = chunks.pack(sent)
    assert sorted(chunk.inputs) == [b"1", b"2"]
    there, call = chunks.unpack(chunk.rows, chunk.inputs)
    for here, other in zip(sent, there, strict=True):
        assert other.program == here.program
        assert other.job.limits == here.job.limits
        assert (other.job.kind, other.job.entry_point) == (here.job.kind, here.job.entry_point)
        assert (other.skip, other.alone) == (here.skip, here.alone)
        assert other.longest_ended() == here.longest_ended()
        assert other.call is call
        assert [other.inputs[k] for k in other.unknown] == [here.inputs[k] for k in here.unknown]


def test_every_run_has_one_outcome_however_many_chunks_are_lost() -> None:
    rng = random.Random(0)
    losses = 0

    def loses(chunk: chunks.Chunk) -> bool:
        nonlocal losses
        lost = rng.random() < 0.7 and losses < 40 and len(chunk.rows) > 1
        losses += lost
        return lost

    nodes = Fake(loses)
    asked = jobs(300, 7)
    with ClusterSandbox(nodes) as sandbox:
        assert right(asked, sandbox.run(asked))
        assert sandbox.stats.runs_executed == 2100
        assert sandbox.stats.infra == 0
        assert sandbox.stats.workers_lost == losses > 5
    assert len(nodes.runs) == len(set(nodes.runs)) == 2100
    assert nodes.closed == 1


def test_a_program_that_no_node_survives_is_infra_and_takes_no_other_with_it() -> None:
    nodes = Fake(lambda chunk: any(row[0] == b"p5" for row in chunk.rows))
    asked = jobs(200, 3)
    with ClusterSandbox(nodes) as sandbox:
        found = sandbox.run(asked)
        assert [o.verdict for o in found[5]] == [Verdict.INFRA] * 3
        assert "its node died" in found[5][0].detail
        assert right(asked[:5] + asked[6:], found[:5] + found[6:])
        assert (sandbox.stats.infra, sandbox.stats.workers_lost) == (3, LOSSES)
        nodes.loses = lambda _: False
        assert right(asked, sandbox.run(asked))  # what was no label is asked again, nothing else
        assert sandbox.stats.runs_executed == 600


def test_only_so_many_chunks_are_on_their_way() -> None:
    nodes = Fake()
    with ClusterSandbox(nodes) as sandbox:
        sandbox.run(jobs(500, 10))
    assert nodes.most == 4  # two for each of two CPUs
    nodes = Fake()
    with ClusterSandbox(nodes, workers=1) as sandbox:
        sandbox.run(jobs(500, 10))
    assert nodes.most == 2


def test_known_outcomes_are_not_sent() -> None:
    nodes = Fake()
    with ClusterSandbox(nodes) as sandbox:
        sandbox.run(jobs(4, 5))
        sandbox.run(jobs(4, 6))
        assert sandbox.stats.deduplicated == 20
    assert len(nodes.runs) == 24


def test_a_node_that_refuses_ends_the_run_with_its_name() -> None:
    nodes = Fake()
    nodes.refuses = "has another Python"
    with ClusterSandbox(nodes) as sandbox:
        for _ in range(2):
            with pytest.raises(SandboxError, match="node n7: has another Python"):
                sandbox.run(jobs(4, 5))


def test_an_answer_that_makes_no_sense_is_one_line() -> None:
    class Short(Fake):
        def get(self, ticket: Hashable) -> chunks.Answer:
            return {**super().get(ticket), "outcomes": [[]], "node": "n3"}

    with (
        ClusterSandbox(Short()) as sandbox,
        pytest.raises(SandboxError, match="node n3: malformed answer"),
    ):
        sandbox.run(jobs(1, 5))


def test_all_nodes_give_the_same_level_the_weakest() -> None:
    with ClusterSandbox(Fake(levels=("namespaces", "landlock"))) as sandbox:
        assert sandbox.level is Level.LANDLOCK
    nodes = Fake(levels=("namespaces", "landlock"))
    with pytest.raises(SandboxError, match="node n1: no namespaces"):
        ClusterSandbox(nodes, level=Level.NAMESPACES)
    assert nodes.closed == 1


def test_a_stronger_node_is_asked_for_the_weaker_level() -> None:
    class Stubborn(Fake):
        def ask(self, level: str | None, fork: str) -> list[chunks.Answer]:
            first, *others = super().ask(level, fork)
            return [{"node": "n0", "refused": "no Landlock"} if level else first, *others]

    with pytest.raises(SandboxError, match="node n0: no Landlock"):
        ClusterSandbox(Stubborn(levels=("namespaces", "landlock")))


def test_a_cluster_without_any_node_left_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparring.sandbox.cluster.sandbox.GONE_SECONDS", 0.05)
    monkeypatch.setattr("sparring.sandbox.cluster.sandbox._COUNT_SECONDS", 0.0)
    nodes = Fake()
    with ClusterSandbox(nodes) as sandbox:
        nodes.alive = 0
        with pytest.raises(SandboxError, match="no node with a CPU"):
            sandbox.run(jobs(4, 5))


@pytest.fixture
def own_node() -> Iterator[None]:
    yield
    node.close()


def answered(asked: Sequence[Job], skip: bool = False) -> list[list[Outcome]]:
    """What this process says as a node."""
    call, stats = plan.Call(), Stats()
    planned = plan.make(asked, call, Memo(0), stats, skip=skip)
    chunk = chunks.pack(planned.works)
    answer = node.answer(None, Fork.PER_PROGRAM, node.identity(), chunk.rows, chunk.inputs)
    chunks.settle(planned.works, answer)
    return [[w.outcomes[k] for k in w.inputs] for w in planned.works]


@pytest.mark.usefixtures("own_node")
def test_a_node_gives_the_same_outcomes_as_the_pool() -> None:
    asked = [
        Job("print(int(input()) + 1)", ("1", "x", "3")),
        Job(LOOP, ("10", "0", "100"), SHORT),
        Job("print('é' * int(input()))", ("3",)),
        Job("def f(x):\n    return [x]", ("[[1],{}]",), kind=chunks.TestKind.CALL, entry_point="f"),
    ]
    for skip in (False, True):
        with Sandbox(1, skip_after_timeout=skip, memo=False) as pool:
            expected = [[(o.verdict, o.output) for o in row] for row in pool.run(asked)]
        assert [[(o.verdict, o.output) for o in row] for row in answered(asked, skip)] == expected


@pytest.mark.usefixtures("own_node")
def test_a_node_keeps_its_sandbox_between_chunks() -> None:
    answered([Job("print(1)", ("",))])
    [first] = node._open.values()
    answered([Job("print(2)", ("",))])
    assert list(node._open.values()) == [first]
    node.close()
    assert first.closed
    assert answered([Job("print(3)", ("",))])[0][0].output == "3\n"


@pytest.mark.parametrize("what", ["sparring", "Python", "architecture"])
def test_a_node_that_is_not_the_same_says_in_what(what: str) -> None:
    asker = {**node.identity(), what: "another"}
    answer = node.answer(None, Fork.PER_PROGRAM, asker, [], [])
    assert f"has {what} {node.identity()[what]}" in answer["refused"]
    assert "another" in answer["refused"]


def test_a_node_that_cannot_give_the_level_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Sandbox:
        raise SandboxError("no safe way to run programs on this host: level namespaces: no")

    monkeypatch.setattr(node, "Sandbox", refuse)
    answer = node.answer("namespaces", Fork.PER_PROGRAM, node.identity(), [], [])
    assert "level namespaces: no" in answer["refused"]


def test_without_ray_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SandboxError, match=r"pip install 'sparring\[ray\]'"):
        RayNodes("local")


def test_a_recipe_with_a_cluster_asks_ray_for_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    command = ["sparring", "train", "--dry-run", "--run-dir", str(tmp_path / "run")]
    sets = ["--set", "sandbox.engine=ray", "--set", "sandbox.ray_address=local"]
    sets += ["--set", "tasks.train_count=20", "--set", "tasks.held_out_count=5"]
    monkeypatch.setattr(sys, "argv", [*command, *sets])
    with pytest.raises(SystemExit):
        main()
    [line] = capsys.readouterr().err.strip().split("\n")
    assert "pip install 'sparring[ray]'" in line


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"engine": "ray"}, "engine = ray needs ray_address"),
        ({"engine": "ray", "ray_address": "ray://host:1"}, "HOST:PORT, not 'ray://host:1'"),
        ({"engine": "ray", "ray_address": "host"}, "HOST:PORT, not 'host'"),
        ({"engine": "ray", "ray_address": "host:70000"}, "HOST:PORT, not 'host:70000'"),
        ({"ray_address": "auto"}, "ray_address is for engine = ray"),
    ],
)
def test_a_recipe_names_a_cluster_or_none(values: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as found:
        make_recipe({"sandbox": values}, (), "recipe")
    assert "\n" not in str(found.value)


def test_a_recipe_may_leave_its_cluster() -> None:
    whole = make_recipe({"sandbox": {"engine": "ray", "ray_address": "host:6379"}}, (), "recipe")
    data = whole.model_dump(mode="json")
    back = make_recipe(data, ["sandbox.engine=pool", "sandbox.ray_address="], "recipe")
    assert back.sandbox.ray_address is None
