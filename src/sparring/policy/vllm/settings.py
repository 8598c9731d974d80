"""Settings of vLLM servers: the section [vllm] of a recipe."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from sparring.section import Count, Few, Length, Section


class Dtype(StrEnum):
    """Data type that a server computes in."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


Seconds = Annotated[float, Field(gt=0, le=86_400)]

_RESERVED = frozenset(
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
"""Arguments of a server that a recipe cannot set."""
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
"""Arguments that a key of this section sets, with that key."""
_VARIABLES = {
    "VLLM_SERVER_DEV_MODE": "set by sparring itself",
    "VLLM_HOST_IP": "set by sparring itself",
    "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "set by sparring itself",
    "HF_HUB_OFFLINE": "set by sparring itself",
    "VLLM_CPU_KVCACHE_SPACE": "set by vllm.cpu_cache",
}


class VllmSettings(Section):
    """Section [vllm] of a recipe: servers that sample, and the exchange of weights with them."""

    urls: list[str] = Field(
        [],
        description="Servers that you run, such as http://node1:8000; without any, one server is started",
    )
    initial_urls: list[str] = Field(
        [],
        description="Servers of your own for the initial model (initial-policy programs, a frozen role), so that the other servers need not exchange weights for it",
    )
    environment: str | None = Field(
        None,
        description="Directory of vLLM's own environment; unset: the directory in which `sparring vllm setup` makes it",
    )
    dtype: Dtype | None = Field(
        None,
        description="Data type of weights and computation on the server; unset: that of model.precision",
    )
    arguments: list[str] = Field([], description="Further arguments of the server that is started")
    variables: dict[str, str] = Field(
        {}, description='Environment variables of that server, such as {CUDA_VISIBLE_DEVICES = "1"}'
    )
    memory: float = Field(
        0.9, gt=0, le=1, description="Share of a GPU's memory that the server takes"
    )
    cpu_cache: Count = Field(4, description="GiB for keys and values if the server runs on a CPU")
    tensor_parallel: Few = Field(1, description="GPUs that share each layer")
    data_parallel: Few = Field(
        1,
        description="Copies of the model that share the requests; servers by URL report how many they have",
    )
    max_model_len: Length | None = Field(
        None,
        description="Longest prompt and response together; unset: the sum of the recipe's limits",
    )
    weights_dir: str = Field(
        "/dev/shm",
        min_length=1,
        description="Directory of weights on their way to servers, which must see the directory too",
    )
    max_gap: float | None = Field(
        None,
        gt=0,
        description="End the run if log-probs differ by more than this on average after weights were loaded; unset: 0.001 for float32, 0.05 otherwise",
    )
    concurrency: Few = Field(
        512, description="Responses requested at a time from one engine (a copy of the model)"
    )
    start_seconds: Seconds = Field(
        900.0, description="Longest time for the start of a server, and for the loading of weights"
    )
    stall_seconds: Seconds = Field(
        300.0,
        description="Longest time without a new token while responses are pending; after it the server counts as hanging",
    )
    patience: Seconds = Field(
        120.0, description="Longest time that a server of yours may fail to answer"
    )
    share_gpu: bool = Field(
        False, description="Put the server to sleep while the trainer learns on the same GPU (CUDA)"
    )

    @field_validator("urls", "initial_urls")
    @classmethod
    def _web_addresses(cls, urls: list[str]) -> list[str]:
        return each_once(urls)

    @field_validator("arguments")
    @classmethod
    def _no_reserved_arguments(cls, arguments: list[str]) -> list[str]:
        for argument in arguments:
            name = argument.partition("=")[0]
            plain = name.replace("_", "-")
            if plain in _RESERVED:
                raise ValueError(f"{name} is set by sparring itself")
            if plain in _BY_KEY:
                raise ValueError(f"{name} is set by vllm.{_BY_KEY[plain]}")
        return arguments

    @field_validator("variables")
    @classmethod
    def _no_reserved_variables(cls, variables: dict[str, str]) -> dict[str, str]:
        for name in variables:
            if name in _VARIABLES:
                raise ValueError(f"{name} is {_VARIABLES[name]}")
        return variables

    @model_validator(mode="after")
    def _of_one_kind(self) -> VllmSettings:
        if (both := in_both(self.urls, self.initial_urls)) is not None:
            raise ValueError(
                f"{both} is in urls and in initial_urls: a server holds one model; name two servers"
            )
        if self.initial_urls and not self.urls:
            raise ValueError(
                "initial_urls need urls: without urls one server is started and serves both; set urls"
            )
        if self.urls and (self.arguments or self.variables or self.share_gpu):
            raise ValueError(
                "urls and one of arguments, variables, share_gpu: these keys are for a server that sparring starts; start your own servers with the options that you want"
            )
        return self


class ServerSettings(VllmSettings):
    """Section [vllm] with every default resolved, for the servers of one model.

    ``urls`` name servers that the user runs, given by the recipe key ``urls_key``; without any, one
    server is started from ``environment``. ``max_gap`` is in nats. ``lora_rank`` is the largest
    rank of served adapters, 0 without adapters; ``loras`` is the number of adapters in use at once.
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
        """Replace the check of `VllmSettings` by none, because here ``urls`` may come from another
        section of the recipe."""
        return self


def in_both(urls: Iterable[str], others: Iterable[str]) -> str | None:
    """Return the first server of ``others`` that is in ``urls`` too, by name; None if there is no
    such server."""
    servers = {_server(url) for url in urls}
    return min((url for url in others if _server(url) in servers), default=None)


def each_once(urls: list[str]) -> list[str]:
    """Return ``urls``. Raises ValueError for an invalid address, and for a server named twice."""
    if len({_server(url) for url in urls}) < len(urls):
        raise ValueError("names a server twice")
    return urls


def _server(url: str) -> tuple[str, str, int | None, str]:
    """Return the parts of a URL that identify a server, however the URL is spelled."""
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
