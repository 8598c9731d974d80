"""A server of our own, against one that behaves like vLLM's: started, again, and ended with us."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import RunError
from sparring.policy.vllm.sampler import VllmSampler
from sparring.policy.vllm.settings import ServerSettings
from sparring.schema import Response
from tests.nano import nano
from tests.policy.fake_vllm import fake_environment
from tests.policy.full_model import scored
from tests.policy.test_vllm import asked, flat, learned, prompts, settings, weights, words

__all__ = ["settings"]  # the fixture


def own(settings: ServerSettings, tmp_path: Path, **changes: Any) -> VllmSampler:
    """A sampler with a server of its own, which is the fake one as a program."""
    fake_environment(Path(settings.environment))
    variables = {"FAKE_VLLM": str(tmp_path / "control")}
    given = settings.changed(variables=variables, **changes)
    sampler = VllmSampler(given, words(), tmp_path / "vllm.log")
    sampler.use(weights(nano()[0], 0))
    return sampler


def pids(tmp_path: Path) -> list[int]:
    """Of the servers that were started."""
    return [int(s) for s in (tmp_path / "control.pids").read_text().split()]


def gone(pid: int) -> bool:
    """Whether the process has ended, in a minute at most."""
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def test_our_own_server_is_started_again_with_the_same_weights_and_ends_with_us(
    settings: ServerSettings, tmp_path: Path
) -> None:
    (tmp_path / "control").write_text("30")  # the first one dies in its 30th response
    sampler = own(settings, tmp_path)
    first = asked(sampler, prompts(), 4)
    model = learned()
    sampler.use(weights(model, 1))
    told: list[int] = []
    second = asked(sampler, prompts(), 8, lambda number, response: told.append(number))
    assert len(pids(tmp_path)) == 2
    assert Counter(told) == {0: 8, 1: 8, 2: 8}
    for step, groups, by in ((0, first, nano()[0]), (1, second, model)):
        for r in flat(groups):
            assert r.weights == step
            ours = scored(by, r.prompt_ids, r.token_ids, 1.0)
            assert r.logprobs == pytest.approx(ours, abs=1e-4)
    sampler.close()
    assert all(gone(pid) for pid in pids(tmp_path))


def test_a_closed_server_is_not_started_again(settings: ServerSettings, tmp_path: Path) -> None:
    """What was on its way to it when it was closed finds nobody, and leaves it so."""
    sampler = own(settings, tmp_path)

    def leave(number: int, response: Response) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asked(sampler, prompts(), 32, leave)
    sampler.close()
    time.sleep(1)
    assert len(pids(tmp_path)) == 1
    assert gone(pids(tmp_path)[0])


def test_a_server_that_cannot_start_is_one_clear_line(
    settings: ServerSettings, tmp_path: Path
) -> None:
    sampler = own(settings, tmp_path, arguments=("--broken",))
    with pytest.raises(RunError, match=r"did not start: ValueError: the model's head size .*\.log"):
        asked(sampler, prompts(), 1)
    sampler.close()


def test_without_an_environment_it_is_said_how_to_make_one(
    settings: ServerSettings, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match="sparring vllm setup"):
        VllmSampler(settings, words(), tmp_path / "vllm.log")


def test_what_a_launcher_tells_its_processes_does_not_reach_a_server(tmp_path: Path) -> None:
    """The real environment that torchrun makes, against the one of this process."""
    program = tmp_path / "says.py"
    program.write_text(SAYS)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    launched = {"CUDA_VISIBLE_DEVICES": "3", "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True"}
    environment = {**os.environ, **launched}
    done = subprocess.run(
        [*run, "--no-python", sys.executable, str(program), str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    [ours, theirs], *_ = (json.loads(line) for line in done.stdout.splitlines())
    told = {"RANK", "WORLD_SIZE", "MASTER_ADDR", "TORCHELASTIC_USE_AGENT_STORE", "GROUP_RANK"}
    assert told <= {*ours}
    new = {k for k in theirs if k not in environment}
    assert {k for k in new if not k.startswith(("VLLM_", "HF_"))} == {"ROLE_NAME"}
    assert theirs["CUDA_VISIBLE_DEVICES"] == "3"
    assert not {"PYTORCH_CUDA_ALLOC_CONF", "OMP_NUM_THREADS"} & {*theirs}
    assert theirs["ROLE_NAME"] == "mine"


SAYS = """
import json, os, sys
from pathlib import Path
from sparring.policy.vllm.server import VllmServer
from sparring.policy.vllm.settings import ServerSettings

place = Path(sys.argv[1])
settings = ServerSettings(
    environment=str(place), variables={"ROLE_NAME": "mine"},
    max_model_len=200, lora_rank=0, loras=1,
    dtype="float32", weights_dir="/dev/shm", max_gap=1e-3, urls_key="vllm.urls",
)
theirs = VllmServer(settings, place / "log")._variables()
print(json.dumps([dict(os.environ), theirs]) + "\\n", end="", flush=True)
"""

HOLDS = """
import os, sys, time
from pathlib import Path
from sparring.policy.vllm.server import VllmServer
from sparring.policy.vllm.settings import ServerSettings
from sparring.microworld import NANO_DIR

place = Path(sys.argv[1])
settings = ServerSettings(
    environment=str(place / "environment"),
    variables={"FAKE_VLLM": str(place / "control")},
    max_model_len=200, lora_rank=0, loras=1,
    dtype="float32", weights_dir="/dev/shm", max_gap=1e-3, urls_key="vllm.urls",
)
VllmServer(settings, place / "vllm.log").start(NANO_DIR)
if os.fork():  # what is forked from a run, as the sandbox's processes are, keeps no server
    print("ready", flush=True)
time.sleep(30)
"""


def test_a_server_ends_when_its_run_is_killed(tmp_path: Path) -> None:
    fake_environment(tmp_path / "environment")
    run = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None
    assert run.stdout.readline() == "ready\n"
    [pid] = pids(tmp_path)
    run.kill()
    run.wait()
    assert gone(pid)
