"""A vLLM server as a process of its own, in an environment of its own.

Started under `process_guard`, so that it ends when we do, by `kill -9` too. It serves
on the loopback interface alone, writes to a log, and is ready when it says
so. Its environment is not ours: paths that point to our packages stay here,
and so does what a launcher of several trainers (torchrun, MPI, Slurm) has told
this one. A server that read it would look for peers that are not its own: with
TORCHELASTIC_USE_AGENT_STORE, `init_process_group` waits for a store that nobody
hosts until its time is up (pytorch#192113).
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

from sparring.errors import RunError, writing
from sparring.policy.vllm import process_guard
from sparring.policy.vllm.client import MODEL, Client
from sparring.policy.vllm.lora import served_rank
from sparring.policy.vllm.settings import ServerSettings

_OURS = (
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "OMP_*",
    # the launcher's, and how we allocate
    "TORCHELASTIC_*",
    "TORCH_NCCL_*",
    "RANK",
    "*_RANK",
    "*WORLD_SIZE",
    "MASTER_*",
    "GROUP_*",
    "ROLE_*",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_*_ALLOC_CONF",
)
"""Patterns of variables that are meant for this process."""
_TELLING = re.compile(r"(\w*(Error|Exception)\b.*)")


def environment_python(environment: Path) -> Path:
    """The interpreter of an environment. Raises `RunError` where there is none."""
    python = environment / "bin" / "python"
    if not python.exists():
        raise RunError(
            f"{environment}: there is no environment for vLLM; make one with `sparring vllm "
            "setup`, or name another by vllm.environment"
        )
    return python


class VllmServer:
    """One server that is ours. It serves from `start` until `stop`, or until it dies."""

    def __init__(self, settings: ServerSettings, log: Path) -> None:
        """``log`` is appended to. Raises `RunError` without an environment."""
        self.settings = settings
        self.log = log
        self.python = environment_python(Path(settings.environment))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, model: Path) -> Client:
        """Serve the checkpoint ``model``. Raises `RunError` when it does not get ready."""
        port = _free_port()
        command = [str(self.python), *self._arguments(model, port)]
        with writing(self.log, RunError), self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", process_guard.__file__, str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._variables(),
                start_new_session=True,  # Ctrl-C reaches the trainer only
            )
        client = Client(f"http://127.0.0.1:{port}", self.settings.start_seconds, model=MODEL)
        try:
            self._wait(client)
        except BaseException:  # raised again: no server is left running
            client.close()
            self.stop()
            raise
        return client

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server and all that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()  # the guard sees to the rest
        try:
            process.wait(3 * process_guard.GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def last_words(self) -> str:
        """What the log says of the end: its last error, or its last line."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        told = [m[1] for line in lines if (m := _TELLING.search(line))]
        last = told or [line for line in lines if line.strip()]
        return " ".join(last[-1].split())[:300] if last else ""

    def _wait(self, client: Client) -> None:
        """Until it is ready."""
        deadline = time.monotonic() + self.settings.start_seconds
        while not client.healthy():
            if not self.alive():
                raise RunError(f"the vLLM server did not start: {self.last_words()} ({self.log})")
            if time.monotonic() > deadline:
                raise RunError(
                    f"the vLLM server was not ready in {self.settings.start_seconds:g} s "
                    f"(vllm.start_seconds); see {self.log}"
                )
            time.sleep(0.2)

    def _arguments(self, model: Path, port: int) -> list[str]:
        s = self.settings
        found = ["-m", "vllm.entrypoints.cli.main", "serve", str(model)]
        found += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)]
        # Names of weights are kept by one process; by default there is one for each engine.
        found += ["--api-server-count", "1"]
        found += ["--dtype", s.dtype, "--logprobs-mode", "processed_logprobs"]
        found += ["--generation-config", "vllm", "--max-num-seqs", str(s.concurrency)]
        found += ["--gpu-memory-utilization", str(s.memory)]
        found += ["--tensor-parallel-size", str(s.tensor_parallel)]
        found += ["--data-parallel-size", str(s.data_parallel)]
        if s.lora_rank:
            found += ["--enable-lora", "--max-lora-rank", str(served_rank(s.lora_rank))]
            found += ["--max-loras", str(s.loras), "--max-cpu-loras", str(2 * s.loras)]
        if s.max_model_len is not None:
            found += ["--max-model-len", str(s.max_model_len)]
        if s.share_gpu:
            found += ["--enable-sleep-mode"]
        return [*found, *s.arguments]

    def _variables(self) -> dict[str, str]:
        theirs = {k: v for k, v in os.environ.items() if not any(fnmatchcase(k, p) for p in _OURS)}
        if self.settings.lora_rank:
            theirs["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
        return {
            **theirs,
            "VLLM_SERVER_DEV_MODE": "1",  # weights can be exchanged
            "VLLM_CPU_KVCACHE_SPACE": str(self.settings.cpu_cache),
            "VLLM_HOST_IP": "127.0.0.1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",  # all it needs is in the directory
            **self.settings.variables,
        }


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
