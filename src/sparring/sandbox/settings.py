"""Settings of the sandbox: the recipe's section [sandbox]."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, field_validator, model_validator

from sparring.sandbox.types import USUAL_FORK, Fork, Level, Limits
from sparring.section import Count, Few, Section

_USUAL = Limits()


class SandboxEngine(StrEnum):
    """Place where programs are executed."""

    POOL = "pool"
    """In processes of this machine."""
    RAY = "ray"
    """On the nodes of a Ray cluster."""


class SandboxSettings(Section):
    """The recipe's section [sandbox]."""

    engine: SandboxEngine = Field(
        SandboxEngine.POOL,
        description="Processes of this machine (pool), or the nodes of a Ray cluster",
    )
    ray_address: str | None = Field(
        None, description="With engine = ray: auto, local, or HOST:PORT of the cluster's head"
    )
    workers: Few | None = Field(
        None, description="Parallel workers; default: one per core (of the cluster)"
    )
    level: Level | None = Field(
        None, description="Isolation to insist on; default: the strongest that the host gives"
    )
    fork: Fork = Field(
        USUAL_FORK, description="One process for all inputs of a program, or one for each input"
    )
    packages: list[str] = Field(
        [], description="Packages that programs may import beside the standard library: numpy, …"
    )
    packages_from: str | None = Field(
        None,
        description="Environment of the packages: its directory, python or site-packages; default: that of sparring",
    )
    idle_seconds: float = Field(
        _USUAL.idle_seconds,
        gt=0,
        description="Most seconds that an execution may spend without computing",
    )
    output_bytes: Count = Field(
        _USUAL.output_bytes, description="Most bytes of an execution's output"
    )
    max_infra_share: float = Field(
        0.05,
        ge=0,
        le=1,
        description="Stop the run when the sandbox itself fails in more than this share of a step's executions",
    )

    @field_validator("ray_address")
    @classmethod
    def _nothing_is_none(cls, value: str | None) -> str | None:
        """Read an empty address as none, so that the command line of a resumed run can unset it."""
        return value or None

    @model_validator(mode="after")
    def _a_cluster_has_an_address(self) -> SandboxSettings:
        address = self.ray_address
        if self.packages and self.engine is SandboxEngine.RAY:
            raise ValueError(
                "packages are not supported on a cluster: leave them out, or set engine = pool"
            )
        if self.packages_from and not self.packages:
            raise ValueError("packages_from has no effect without packages: name a package")
        if self.engine is not SandboxEngine.RAY:
            if address is not None:
                raise ValueError('ray_address is for engine = ray: leave it out, or set it to ""')
            return self
        host, _, port = (address or "").rpartition(":")
        if address not in ("auto", "local") and not (
            host and "/" not in host and port.isdecimal() and 0 < int(port) < 1 << 16
        ):
            raise ValueError(
                "engine = ray needs ray_address: auto (the cluster of this machine), local (a "
                f"cluster for this run) or HOST:PORT{f', not {address!r}' if address else ''}"
            )
        return self
