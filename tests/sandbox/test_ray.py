"""Ray itself: clusters of two nodes on this machine, one of them killed. `make test-ray`."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import SandboxError
from sparring.sandbox import ClusterSandbox, Job, Level, Limits, Sandbox
from sparring.sandbox.cluster.ray_nodes import RayNodes
from sparring.schema import Verdict

pytestmark = pytest.mark.ray
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # read on import: loopback only
ray = pytest.importorskip("ray")

QUICK = Limits(cpu_seconds=0.3, idle_seconds=0.5)
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A head without CPUs and two nodes of one."""
    from ray.cluster_utils import Cluster

    made = Cluster(
        initialize_head=True, head_node_args={**NODE, "num_cpus": 0, "include_dashboard": False}
    )
    try:  # two nodes, and not the head, so that either may go
        made.nodes = [made.add_node(**NODE) for _ in range(2)]
        made.wait_for_nodes()
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


def mixed(programs: int, inputs: int) -> list[Job]:
    """Programs of all endings; every seventh meets a limit."""
    bodies = [
        "print({k} * int(input()))",
        "import os\nos.write(1, bytes([{k} % 256, 255]))",
        "print(1 // (int(input()) % 3 - 1), {k})",
        "print(''.join(map(chr, range({k} + 200))))",
        "import sys\nsys.exit({k})",
        "n = int(input())\nprint({k})\nwhile n % 5 == 4: pass",
        "import socket\nsocket.socket()  # {k}",
    ]
    return [
        Job(bodies[k % len(bodies)].format(k=k), tuple(map(str, range(inputs))), QUICK)
        for k in range(programs)
    ]


def endings(found: Any) -> list[list[tuple[Verdict, str]]]:
    return [[(o.verdict, o.output) for o in row] for row in found]


def test_no_cluster_of_this_machine_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(SandboxError, match="ray_address = auto") as found:
        RayNodes("auto")
    assert "\n" not in str(found.value)


def test_a_cluster_gives_the_outcomes_of_the_pool(cluster: Any) -> None:
    jobs = mixed(42, 8)
    jobs.append(Job("print(len(input()))", ("x" * 300_000, "y" * 300_000)))
    with Sandbox(1, memo=False) as pool:
        expected = endings(pool.run(jobs))
    with ClusterSandbox(RayNodes(cluster.address)) as sandbox:
        assert endings(sandbox.run(jobs)) == expected
        assert sandbox.report()["nodes"] == 2
        assert sandbox.stats.runs_executed == len(jobs[0].inputs) * 42 + 2
        assert sandbox.stats.infra == sandbox.stats.workers_lost == 0


def test_ten_thousand_runs_over_two_nodes_one_killed_have_one_verdict_each(cluster: Any) -> None:
    inputs = tuple(map(str, range(20)))
    jobs = [
        Job(f"n = int(input())\nfor _ in range(20000): n += {k}\nprint(n)", inputs)
        for k in range(500)
    ]
    told: Counter[int] = Counter()
    answers: Counter[str] = Counter()
    victim = f"127.0.0.1 ({cluster.nodes[1].node_id[:8]})"

    class Noting(RayNodes):
        """Kills the victim when it has answered twice and has more to do."""

        def get(self, ticket: Any) -> Any:
            answer = super().get(ticket)
            answers[answer["node"]] += 1
            if answers[victim] == 2 and answer["node"] == victim:
                gone = threading.Thread(target=cluster.remove_node, args=(cluster.nodes[1], False))
                gone.start()
            return answer

    with ClusterSandbox(Noting(cluster.address), memo=False) as sandbox:
        began = time.monotonic()
        for index, outcomes in sandbox.stream(jobs):
            told[index] += 1
            assert [o.output for o in outcomes] == [f"{n + 20000 * index}\n" for n in range(20)]
        seconds = time.monotonic() - began
        stats = sandbox.stats
    print(f"10,000 runs in {seconds:.1f} s, one of two nodes killed: {dict(answers)}, {stats}")
    assert told == Counter(range(500))
    assert stats.runs_executed == stats.runs_asked == 10_000
    assert stats.infra == 0
    assert 2 <= answers[victim] < sum(answers.values()) / 2
    cluster.nodes[1] = cluster.add_node(**NODE)
    cluster.wait_for_nodes()


def test_a_level_that_a_node_cannot_give_names_the_node(cluster: Any) -> None:
    try:
        Sandbox(1, level=Level.NAMESPACES).close()
    except SandboxError:
        with pytest.raises(SandboxError, match=r"node 127.0.0.1 \(.*\): no safe way"):
            ClusterSandbox(RayNodes(cluster.address), level=Level.NAMESPACES)
    else:
        with ClusterSandbox(RayNodes(cluster.address), level=Level.LANDLOCK) as sandbox:
            assert sandbox.run([Job("print(1)", ("",))])[0][0].output == "1\n"
            assert sandbox.level is Level.LANDLOCK


def test_a_node_that_does_not_answer_is_named(
    cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import signal

    monkeypatch.setattr("sparring.sandbox.cluster.ray_nodes.ASK_SECONDS", 8.0)
    processes = cluster.nodes[1].all_processes["raylet"]
    pid = processes[0].process.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(SandboxError, match=r"node 127.0.0.1 \(.*\): does not answer"):
            ClusterSandbox(RayNodes(cluster.address))
    finally:
        os.kill(pid, signal.SIGCONT)


def test_nobody_at_the_address_is_one_line() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(SandboxError, match=f"{address}: nobody answers") as found:
            RayNodes(address)
    assert "\n" not in str(found.value)


def test_closing_leaves_no_process(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from sparring.sandbox import ClusterSandbox, Job\n"
        "from sparring.sandbox.cluster.ray_nodes import RayNodes\n"
        "s = ClusterSandbox(RayNodes('local', 1))\n"
        "assert s.run([Job('print(1)', ('',))])[0][0].output == '1\\n'\n"
        "print('open', flush=True)\n"
        "sys.stdin.readline()\n"
        "s.close()\n"
        "s.close()\n"
        "print('closed', flush=True)\n"
        "sys.stdin.readline()\n"
    )
    mark = f"MARK={tmp_path.name}-{os.getpid()}"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "MARK": mark.removeprefix("MARK=")},
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "open\n"
        sandboxes, others = _started(process.pid, mark)
        assert sandboxes
        assert others
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"
        for _ in range(200):
            alive = [p for p in (*sandboxes, *others) if _alive(p)]
            if not alive:
                break
            time.sleep(0.1)
        assert not alive
        process.stdin.write("\n")


def _started(parent: int, mark: str) -> tuple[list[int], list[int]]:
    """Sandbox servers and Ray's processes that a process started, found by its environment or,
    for servers, which have one of their own, by their parents."""
    sandboxes, others = [], []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == parent:
            continue
        try:
            environment = (entry / "environ").read_bytes().split(b"\0")
            command = (entry / "cmdline").read_bytes()
            above = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            ours = mark.encode() in (Path(f"/proc/{above}/environ").read_bytes().split(b"\0"))
        except OSError:
            continue
        if mark.encode() in environment:
            others.append(int(entry.name))
        elif ours and b"sparring.sandbox.worker.server" in command:
            sandboxes.append(int(entry.name))
    return sandboxes, others


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
