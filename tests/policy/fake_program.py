"""A program in the place of vLLM's server. It begins at once, because it loads nothing: all that is
sent to its port goes on to a `FakeVllm` in the process of the tests, which ends with it.

    python fake_program.py HUB OPTIONS     (HUB is a port, OPTIONS are vLLM's)

FAKE_VLLM names a file: in it, how many responses the first process lives for, or "hang" and after
how many it makes no more tokens; what the program has to say is written beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import socket
import sys
import threading
from pathlib import Path


def main(hub: int, options: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--api-server-count", choices=["1"], required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", choices=["127.0.0.1"], required=True)
    parser.add_argument("--logprobs-mode", choices=["processed_logprobs"], required=True)
    parser.add_argument("--generation-config", choices=["vllm"], required=True)
    for name in ("served-model-name", "dtype", "max-num-seqs", "gpu-memory-utilization"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("tensor-parallel-size", "data-parallel-size", "max-model-len"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--enable-lora", action="store_true")
    for name in ("max-lora-rank", "max-loras", "max-cpu-loras"):
        parser.add_argument(f"--{name}", type=int)
    parser.add_argument("--enable-sleep-mode", action="store_true")
    parser.add_argument("--enforce-eager", action="store_true")
    parser.add_argument("--broken", action="store_true")
    given = parser.parse_args(options)
    if given.broken:
        raise ValueError("the model's head size is not supported")
    control = Path(os.environ.get("FAKE_VLLM", "/nonexistent"))
    ends, _, lives = (control.read_text() if control.exists() else "").rpartition(" ")
    control.unlink(missing_ok=True)
    told = {
        "pid": os.getpid(),
        "model": given.model,
        "dev_mode": os.environ.get("VLLM_SERVER_DEV_MODE") == "1",
        "lora_rank": given.max_lora_rank if given.enable_lora else 0,
        "lora_updating": os.environ.get("VLLM_ALLOW_RUNTIME_LORA_UPDATING") == "1",
        "dies_after": int(lives) if lives and not ends else None,
        "hangs_after": int(lives) if ends else None,
    }
    owner = socket.create_connection(("127.0.0.1", hub))  # open until this process ends
    with owner.makefile("rw") as lines:
        lines.write(json.dumps(told) + "\n")
        lines.flush()
        port = int(lines.readline())
    listener = socket.create_server(("127.0.0.1", given.port), backlog=64)
    if control.parent.exists():
        with Path(f"{control}.pids").open("a") as file:
            file.write(f"{os.getpid()}\n")
    while True:
        one = listener.accept()[0]
        other = socket.create_connection(("127.0.0.1", port))
        for source, target in ((one, other), (other, one)):
            threading.Thread(target=_pass_on, args=(source, target), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
