"""Training through vLLM itself, on this machine. `make test-vllm` makes its environment and runs
these; SPARRING_VLLM names another."""

from __future__ import annotations

import contextlib
import copy
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sparring.errors import RunError
from sparring.learner.distributed.export import export_weights
from sparring.policy.vllm.client import Client
from sparring.policy.vllm.environment import default_environment
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.server import VllmServer
from sparring.policy.vllm.settings import Dtype, ServerSettings
from sparring.schema import Role
from tests.nano import nano
from tests.policy.test_vllm import asked, prompts, weights, words
from tests.policy.test_vllm_adapters import PLAYERS, adapted, adapter, check, everyone, start
from tests.training.runs import command, finished_apart, records
from tests.training.test_served import TINY, rollouts

ENVIRONMENT = Path(os.environ.get("SPARRING_VLLM") or default_environment())
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.skipif(
        not (ENVIRONMENT / "bin" / "python").exists(),
        reason=f"no vLLM in {ENVIRONMENT}: make test-vllm",
    ),
]
SETTINGS = ServerSettings(
    environment=str(ENVIRONMENT),
    cpu_cache=1,
    max_model_len=200,
    concurrency=32,
    lora_rank=4,
    loras=2,
    dtype=Dtype.FLOAT32,
    weights_dir="/dev/shm",
    max_gap=1e-3,
    urls_key="vllm.urls",
    arguments=["--enforce-eager"],  # compiling costs more than it saves here
)
RUN = {**TINY, "sampling.programs": "6", "sampling.tests": "6"}


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One server that all tests may load weights into."""
    place = tmp_path_factory.mktemp("server")
    model, tokenizer = nano()
    export_weights(model, tokenizer, place, torch.float32)
    server = VllmServer(SETTINGS, place / "vllm.log")
    try:
        yield server.start(place).url
    finally:
        server.stop()


def settings(**changes: str) -> list[str]:
    return [x for k, v in {**RUN, **changes}.items() for x in ("--set", f"{k}={v}")]


def check_run(run: Path, steps: int, initial_policy_programs: int = 1) -> None:
    """Log-probs after each synchronisation, and every response there, once."""
    metrics = records(run, "metrics.jsonl")
    assert [r["step"] for r in metrics] == list(range(1, steps + 1))
    gaps = [r[role]["logprob_gap"] for r in metrics for role in Role]
    print("mean gaps by step and role:", gaps)
    known = [g for g in gaps if g is not None]
    assert known
    assert max(known) < 1e-3
    for step in range(1, steps + 1):
        for record in rollouts(run, step):
            sizes = [
                len(record.get(k, ())) for k in ("programs", "tests", "initial_policy_programs")
            ]
            assert sizes == [6, 6, initial_policy_programs]
            assert {r["weights"] for r in (*record["programs"], *record["tests"])} == {step - 1}


def test_five_steps_with_the_log_probs_of_each(url: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    changes = {"training.steps": "5", "evaluation.every": "5", "vllm.urls": f'["{url}"]'}
    finished_apart([*command(run), *settings(**changes)])
    check_run(run, 5)


def test_weights_that_were_not_sent_are_noticed(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = SETTINGS.changed(urls=[url], weights_dir=str(tmp_path))
    sampler = VllmSampler(given, words(), tmp_path / "log")
    sampler.use(weights(nano()[0], 0))
    whole = asked(sampler, prompts(), 3)
    assert sampler.gap is not None
    assert sampler.gap < 1e-4
    assert asked(sampler, prompts(), 3) == whole
    model = copy.deepcopy(nano()[0])
    with torch.no_grad():  # as far as a few steps of the nano recipe go
        for p in model.parameters():
            p.mul_(1.01)
    monkeypatch.setattr(Client, "load", lambda self, path: None)
    sampler.use(weights(model, 1))
    with pytest.raises(RunError, match=r"^step 1: the log-probs of"):
        asked(sampler, prompts(), 3)
    sampler.close()


def test_adapters_are_served_beside_the_whole_weights(url: str, tmp_path: Path) -> None:
    """Of two steps, all players in one call, and again on a server that has forgotten them."""
    sampler = VllmSampler(
        SETTINGS.changed(urls=[url], weights_dir=str(tmp_path)), words(), tmp_path
    )
    for step in (1, 2):
        models = {"start": nano()[0], "coder": adapted(step), "tester": adapted(10 + step)}
        sampler.use(start(), [adapter(player, step, models[player]) for player in PLAYERS[1:]])
        check(sampler.sample(everyone()), models, step)
    print("gaps:", [(loading.weights, loading.gap) for loading in sampler.loadings])
    assert max(loading.gap for loading in sampler.loadings) < 1e-5
    client = Client(url, 60.0)
    for name in client.adapters():
        client.unload_adapter(name)
    client.label("another")
    check(sampler.sample(everyone()), models, 2)
    sampler.close()


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("lora_rank", ["0", "4"])
def test_three_steps_of_a_preset(url: str, tmp_path: Path, preset: str, lora_rank: str) -> None:
    run = tmp_path / "run"
    changes = {"training.steps": "3", "evaluation.every": "3", "vllm.urls": f'["{url}"]'}
    changes |= {"preset": preset, "model.lora_rank": lora_rank}
    more = settings(**changes)
    if preset == "paper":  # it has no initial-policy programs
        more = [
            x.replace("sampling.initial_policy_programs=1", "sampling.initial_policy_programs=0")
            for x in more
        ]
    finished_apart([*command(run), *more])
    check_run(run, 3, initial_policy_programs=0 if preset == "paper" else 1)


def test_a_frozen_tester_writes_its_tests_and_ends(tmp_path: Path) -> None:
    """Its server is started with the files of the model as they are."""
    run, before = tmp_path / "run", servers_of(os.getpid())
    changes = {
        "training.steps": "2",
        "evaluation.every": "2",
        "sampling.engine": "local",
        "pseudo_labels.source": "tester",
        "pseudo_labels.model": "nano",
        "pseudo_labels.engine": "vllm",
        "pseudo_labels.tests": "4",
        "pseudo_labels.max_tokens": "72",
        "vllm.environment": str(ENVIRONMENT),
        "vllm.cpu_cache": "1",
        "vllm.arguments": '["--enforce-eager"]',
    }
    finished_apart([*command(run), *settings(**changes)])
    read = [1 - m["pseudo_labels"]["unread"] for m in records(run, "metrics.jsonl")]
    print("share of its tests that could be read:", read)
    assert min(read) > 0.5
    assert servers_of(os.getpid()) == before


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
def test_a_server_killed_in_the_middle_of_a_step_loses_nothing(
    tmp_path: Path, end: signal.Signals
) -> None:
    """Nor does one whose engine makes no more tokens, while its API still answers."""
    run = tmp_path / "run"
    changes = {
        "training.steps": "3",
        "evaluation.every": "3",
        "vllm.environment": str(ENVIRONMENT),
        "vllm.cpu_cache": "1",
        "vllm.arguments": '["--enforce-eager"]',
        "vllm.stall_seconds": "10",
    }
    process = subprocess.Popen(
        [*command(run), *settings(**changes)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        journal = run / "journal" / "step-00002.coder.jsonl"
        while process.poll() is None and not journal.exists():
            time.sleep(0.01)
        told = run / "vllm.log"
        before = told.read_bytes().count(b"/v1/completions")
        while process.poll() is None and told.read_bytes().count(b"/v1/completions") < before + 9:
            time.sleep(0.01)  # the initial policy's or the tester's responses are on their way
        servers = servers_of(process.pid)
        assert servers
        for pid in servers if end is signal.SIGKILL else engines_of(process.pid):
            os.kill(pid, end)
        out, _ = process.communicate()
    finally:
        process.kill()
    assert process.returncode == 0, out.decode()
    assert b"starting it again" in out
    check_run(run, 3)
    assert [p for p in servers_of(os.getpid()) if p in servers] == []


def engines_of(parent: int) -> list[int]:
    """The processes below one that compute."""
    found = []
    for comm in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            pid = int(comm.parent.name)
            if comm.read_text().startswith("VLLM::EngineCor") and parent in ancestors(pid):
                found.append(pid)
    assert found
    return found


def servers_of(parent: int) -> list[int]:
    """The API servers below a process."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = stat.read_bytes().split(b"\0")
            server = b"vllm.entrypoints.cli.main" in words and b"-I" not in words
        except OSError:
            continue
        if server and parent in ancestors(int(stat.parent.name)):
            found.append(int(stat.parent.name))
    return found


def ancestors(pid: int) -> Iterator[int]:
    while pid > 1:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        pid = int(fields[1])
        yield pid
