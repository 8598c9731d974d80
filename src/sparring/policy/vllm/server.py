"""A vLLM server as a process of its own, in an environment of its own.

`process_guard` starts the server, so the server ends when Sparring ends, even by `kill -9`. The
server listens on the loopback interface alone and writes to a log. It counts as ready once its
health check succeeds.

The server gets neither the paths of Sparring's packages nor the variables by which a launcher
(torchrun, MPI, Slurm) tells a trainer its rank. A server with these variables would look for the
trainer's peers: with TORCHELASTIC_USE_AGENT_STORE, `init_process_group` waits in vain for a store
that no process hosts (pytorch#192113).
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

_NOT_INHERITED = (
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "OMP_*",
    # launchers and torch's allocator
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
"""Patterns of environment variables that the server does not inherit."""
_ERROR = re.compile(r"(\w*(Error|Exception)\b.*)")


def environment_python(environment: Path) -> Path:
    """Return the interpreter of an environment. Raises `RunError` if there is none."""
    python = environment / "bin" / "python"
    if not python.exists():
        raise RunError(
            f"{environment}: there is no environment for vLLM; make one with `sparring vllm "
            "setup`, or name another by vllm.environment"
        )
    return python


class VllmServer:
    """Server process that Sparring runs, from `start` until `stop` or its own end."""

    def __init__(self, settings: ServerSettings, log: Path) -> None:
        """The server appends to ``log``. Raises `RunError` if there is no environment."""
        self.settings = settings
        self.log = log
        self.python = environment_python(Path(settings.environment))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, model: Path) -> Client:
        """Serve the checkpoint ``model``. Raises `RunError` if the server does not become ready."""
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
        """Return whether the server's process runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End the server and all processes that it has started."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()  # the guard ends the server and its children
        try:
            process.wait(3 * process_guard.GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def last_words(self) -> str:
        """Return the last error in the log, or its last line if it has no error."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 65_536))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        errors = [m[1] for line in lines if (m := _ERROR.search(line))]
        last = errors or [line for line in lines if line.strip()]
        return " ".join(last[-1].split())[:300] if last else ""

    def _wait(self, client: Client) -> None:
        """Wait until the server is ready. Raises `RunError` if it ends first, or takes too long."""
        deadline = time.monotonic() + self.settings.start_seconds
        while not client.healthy():
            if not self.alive():
                raise RunError(
                    f"the vLLM server did not start: {self.last_words()}; see {self.log}"
                )
            if time.monotonic() > deadline:
                raise RunError(
                    f"the vLLM server was not ready in {self.settings.start_seconds:g} s; see "
                    f"{self.log}, or raise vllm.start_seconds"
                )
            time.sleep(0.2)

    def _arguments(self, model: Path, port: int) -> list[str]:
        s = self.settings
        arguments = ["-m", "vllm.entrypoints.cli.main", "serve", str(model)]
        arguments += ["--served-model-name", MODEL, "--host", "127.0.0.1", "--port", str(port)]
        # One API process keeps the labels of weights; by default there is one for each engine.
        arguments += ["--api-server-count", "1"]
        arguments += ["--dtype", s.dtype, "--logprobs-mode", "processed_logprobs"]
        arguments += ["--generation-config", "vllm", "--max-num-seqs", str(s.concurrency)]
        arguments += ["--gpu-memory-utilization", str(s.memory)]
        arguments += ["--tensor-parallel-size", str(s.tensor_parallel)]
        arguments += ["--data-parallel-size", str(s.data_parallel)]
        if s.lora_rank:
            arguments += ["--enable-lora", "--max-lora-rank", str(served_rank(s.lora_rank))]
            arguments += ["--max-loras", str(s.loras), "--max-cpu-loras", str(2 * s.loras)]
        if s.max_model_len is not None:
            arguments += ["--max-model-len", str(s.max_model_len)]
        if s.share_gpu:
            arguments += ["--enable-sleep-mode"]
        return [*arguments, *s.arguments]

    def _variables(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not any(fnmatchcase(name, pattern) for pattern in _NOT_INHERITED)
        }
        if self.settings.lora_rank:
            inherited["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] = "1"
        return {
            **inherited,
            "VLLM_SERVER_DEV_MODE": "1",  # allows the exchange of weights
            "VLLM_CPU_KVCACHE_SPACE": str(self.settings.cpu_cache),
            "VLLM_HOST_IP": "127.0.0.1",
            "VLLM_NO_USAGE_STATS": "1",
            "HF_HUB_OFFLINE": "1",  # the directory holds everything that the server needs
            **self.settings.variables,
        }


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])
