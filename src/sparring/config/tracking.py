"""Where a run's figures go besides its own directory: [tracking]."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, field_validator

from sparring.section import Section


class Tracker(StrEnum):
    """A program that keeps figures of runs, each under its package's name."""

    TENSORBOARD = "tensorboard"
    """Files in the run directory, under tracking/."""
    WANDB = "wandb"
    TRACKIO = "trackio"


class TrackingSection(Section):
    """[tracking]: keys and passwords are the environment's (WANDB_API_KEY), never the recipe's."""

    trackers: list[Tracker] = Field(
        [],
        description="Programs that are given every step's figures: tensorboard, wandb, trackio",
    )
    project: str = Field(
        "sparring",
        min_length=1,
        max_length=128,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]*$",
        description="Their name for what the run belongs to; the run has its directory's name",
    )

    @field_validator("trackers")
    @classmethod
    def _each_once(cls, trackers: list[Tracker]) -> list[Tracker]:
        if len(set(trackers)) < len(trackers):
            raise ValueError("names a tracker twice")
        return trackers
