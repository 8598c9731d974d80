"""What sampling by vLLM servers can be told: the recipe's [vllm] as this room takes it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from sparring.section import Count, Few, Length, Section


class Dtype(StrEnum):
    """What a server computes in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


Seconds = Annotated[float, Field(gt=0, le=86_400)]

_OURS = frozenset(
    {
        "--model",
        "--host",
        "--port",
        "--logprobs-mode",
        "--generation-config",
        "--served-model-name",
        "--api-server-count",
        "-asc",
        "--enable-lora",
        "--max-lora-rank",
        "--max-loras",
        "--max-cpu-loras",
    }
)
"""Arguments of a server that are not for the recipe to set."""
_BY_KEY = {
    "--dtype": "dtype",
    "--max-num-seqs": "concurrency",
    "--gpu-memory-utilization": "memory",
    "--tensor-parallel-size": "tensor_parallel",
    "-tp": "tensor_parallel",
    "--data-parallel-size": "data_parallel",
    "-dp": "data_parallel",
    "--max-model-len": "max_model_len",
    "--enable-sleep-mode": "share_gpu",
}
"""Arguments that a key of this section sets."""
_VARIABLES = {
    "VLLM_SERVER_DEV_MODE": "set by sparring itself",
    "VLLM_HOST_IP": "set by sparring itself",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "set by sparring itself",
    "HF_HUB_OFFLINE": "set by sparring itself",
    "VLLM_CPU_KVCACHE_SPACE": "set by vllm.cpu_cache",
}


class VllmSettings(Section):
    """[vllm]"""

    urls: list[str] = Field(
        [], description="Servers that you run, such as http://node1:8000; none: one is started"
    )
    initial_urls: list[str] = Field(
        [],
        description="Servers for the initial model (initial-policy programs, a frozen role), which then need not share the others",
    )
    environment: str | None = Field(
        None,
        description="Directory of vLLM's own environment; default: where `sparring vllm setup` makes it",
    )
    dtype: Dtype | None = Field(
        None,
        description="Of weights and computation at the server; default: that of model.precision",
    )
    arguments: list[str] = Field([], description="Further arguments of the server that is started")
    variables: dict[str, str] = Field(
        {}, description='Its environment variables, such as {CUDA_VISIBLE_DEVICES = "1"}'
    )
    memory: float = Field(0.9, gt=0, le=1, description="Share of a GPU's memory that it takes")
    cpu_cache: Count = Field(4, description="GiB for keys and values where it runs on a CPU")
    tensor_parallel: Few = Field(1, description="GPUs that share each layer")
    data_parallel: Few = Field(
        1,
        description="Copies of the model that share the requests; servers by URL say how many they have",
    )
    max_model_len: Length | None = Field(
        None,
        description="Longest prompt and response together; default: what the recipe's limits add up to",
    )
    weights_dir: str = Field(
        "/dev/shm",
        min_length=1,
        description="Where weights lie on their way; servers must see it too",
    )
    max_gap: float | None = Field(
        None,
        gt=0,
        description="Stop when log-probs after a synchronisation are further away than this, on average; default: 0.001 for float32, 0.05 otherwise",
    )
    concurrency: Few = Field(
        512, description="Responses that one engine (a copy of the model) is asked for at a time"
    )
    start_seconds: Seconds = Field(
        900.0, description="Longest start of a server, and longest loading of weights"
    )
    stall_seconds: Seconds = Field(
        300.0,
        description="Longest time without a new token while responses are asked for; then the server counts as hanging",
    )
    patience: Seconds = Field(120.0, description="How long a server of yours may be away")
    share_gpu: bool = Field(
        False, description="Put the server to sleep while the trainer learns on the same GPU (CUDA)"
    )

    @field_validator("urls", "initial_urls")
    @classmethod
    def _web_addresses(cls, urls: list[str]) -> list[str]:
        return each_once(urls)

    @field_validator("arguments")
    @classmethod
    def _not_ours(cls, arguments: list[str]) -> list[str]:
        for argument in arguments:
            name = argument.partition("=")[0]
            plain = name.replace("_", "-")
            if plain in _OURS:
                raise ValueError(f"{name} is set by sparring itself")
            if plain in _BY_KEY:
                raise ValueError(f"{name} is set by vllm.{_BY_KEY[plain]}")
        return arguments

    @field_validator("variables")
    @classmethod
    def _not_our_variables(cls, variables: dict[str, str]) -> dict[str, str]:
        for name in variables:
            if name in _VARIABLES:
                raise ValueError(f"{name} is {_VARIABLES[name]}")
        return variables

    @model_validator(mode="after")
    def _of_one_kind(self) -> VllmSettings:
        if (both := in_both(self.urls, self.initial_urls)) is not None:
            raise ValueError(f"{both} is in urls and in start_urls: a server holds one model")
        if self.initial_urls and not self.urls:
            raise ValueError("start_urls belong to urls; a server that is started serves both")
        if self.urls and (self.arguments or self.variables or self.share_gpu):
            raise ValueError(
                "arguments, variables and share_gpu are for a server that is started; with urls, start it as you want it"
            )
        return self


class ServerSettings(VllmSettings):
    """[vllm] with what it leaves open in place, for servers of one model.

    ``urls`` are of servers that somebody else runs (``urls_key``: where a user has given them);
    without any, one of our own is started from ``environment``. ``max_gap`` is in nats.
    ``lora_rank`` is the largest rank of the adapters that are served, 0 without any; ``loras`` is
    how many of them are asked at once.
    """

    environment: str
    dtype: Dtype
    max_model_len: int
    max_gap: float
    urls_key: str
    lora_rank: int
    loras: int

    @model_validator(mode="after")
    def _of_one_kind(self) -> ServerSettings:
        """A recipe has been checked; here ``urls`` may be those of other servers than [vllm]'s."""
        return self


def in_both(urls: Iterable[str], others: Iterable[str]) -> str | None:
    """The first server, by name, of ``others`` that ``urls`` name too."""
    given = {_server(url) for url in urls}
    return min((url for url in others if _server(url) in given), default=None)


def each_once(urls: list[str]) -> list[str]:
    """The addresses of servers. Raises ValueError for one that is none, or comes twice."""
    if len({_server(url) for url in urls}) < len(urls):
        raise ValueError("names a server twice")
    return urls


def _server(url: str) -> tuple[str, str, int | None, str]:
    """What tells one server from another, however its URL is spelled."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{url!r}: {error}") from None
    if parts.scheme not in ("http", "https") or "://" not in url:
        raise ValueError(f"{url!r} must begin with http:// or https://")
    if not parts.hostname:
        raise ValueError(f"{url!r} names no host")
    usual = 80 if parts.scheme == "http" else 443
    return parts.scheme, parts.hostname, port or usual, parts.path.rstrip("/")
