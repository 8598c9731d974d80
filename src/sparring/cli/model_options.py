"""Options that name and sample models, shared by `sparring eval` and `sparring solve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from sparring.errors import ConfigError
from sparring.evaluation.options import ModelSpec
from sparring.prompts.opening import ReasoningMode
from sparring.sandbox.types import Level
from sparring.schema import Role

CoderOption = Annotated[
    str | None,
    typer.Option(
        help="The coder's model: directory of a checkpoint or of a run (its newest "
        "checkpoint), hub id, nano, or address of a server."
    ),
]
TesterOption = Annotated[
    str | None,
    typer.Option(help="The tester's model, named like --coder; by default the coder's model."),
]
CoderModelOption = Annotated[
    str | None,
    typer.Option(help="Name of the coder's model, where the server has several."),
]
TesterModelOption = Annotated[
    str | None,
    typer.Option(help="Name of the tester's model, where the server has several."),
]
CoderKeyOption = Annotated[
    str | None,
    typer.Option(
        metavar="VARIABLE",
        help="Environment variable with the key of the coder's server; by default OPENAI_API_KEY.",
    ),
]
TesterKeyOption = Annotated[
    str | None,
    typer.Option(
        metavar="VARIABLE",
        help="Environment variable with the key of the tester's server; by default OPENAI_API_KEY.",
    ),
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(help="Sampling temperature; by default 0.8, or that of the run in --coder."),
]
TopPOption = Annotated[
    float | None, typer.Option(help="Share of probability to sample from; by default 1.")
]
TopKOption = Annotated[
    int | None,
    typer.Option(help="Number of tokens to sample from; by default 0, which means all."),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        help="Longest response, in tokens; by default 1024, or that of the run in --coder."
    ),
]
TesterMaxTokensOption = Annotated[
    int | None,
    typer.Option(
        help="Longest response of the tester, in tokens; by default as --max-tokens, or that of "
        "the tester's run."
    ),
]
StopOption = Annotated[
    list[str] | None,
    typer.Option("--stop", help="Text that ends a response; may be repeated."),
]
EndTokenOption = Annotated[
    list[str] | None,
    typer.Option(
        "--end-token",
        help="Token that ends a local model's responses, such as <|im_end|>; may be repeated.",
    ),
]
TesterEndTokenOption = Annotated[
    list[str] | None,
    typer.Option("--tester-end-token", help="End token of the tester's model, as --end-token."),
]
ReasoningOption = Annotated[
    ReasoningMode | None,
    typer.Option(
        help="How reasoning starts: open, the server's chat template opens it before every "
        "response; none, the model does not reason; auto, a start mark in the prompt or the "
        "response opens it. By default the value of --prompts, or auto."
    ),
]
TesterReasoningOption = Annotated[
    ReasoningMode | None,
    typer.Option(help="How the tester's reasoning starts; by default as --reasoning."),
]
SeedOption = Annotated[
    int, typer.Option(min=0, help="Seed of the sampling; it does not change the tasks.")
]
PromptsOption = Annotated[
    str | None,
    typer.Option(metavar="RECIPE", help="Use the prompts of this recipe, run directory, or nano."),
]
TesterPromptsOption = Annotated[
    str | None,
    typer.Option(metavar="RECIPE", help="Use other prompts for the tester, named like --prompts."),
]
ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Most responses in flight; by default 16 of a server, 64 of a local model.",
    ),
]
RpmOption = Annotated[
    float | None, typer.Option(min=0.01, help="Most requests per minute to a server.")
]
AttemptsOption = Annotated[
    int, typer.Option(min=1, help="Most requests to a server for one response.")
]
TimeoutOption = Annotated[
    float, typer.Option(min=0.1, help="Time limit of a response, in seconds.")
]
ExtraOption = Annotated[
    list[str] | None,
    typer.Option(
        "--extra",
        metavar="KEY=VALUE",
        help="Further field of each request to a server; may be repeated.",
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option(min=1, help="Number of the sandbox's worker processes.")
]
LevelOption = Annotated[
    Level | None,
    typer.Option(help="Isolation level to require; by default the best the host allows."),
]


def role_specs(
    coder: ModelSpec,
    tester: str | None,
    model: str | None,
    key: str | None,
    end_token: Sequence[str] | None,
) -> dict[Role, ModelSpec]:
    """Return the models by role; without a tester the coder's model plays both. Raises
    `ConfigError` for options of a tester that is not named."""
    if not tester:
        if model is not None or key is not None or end_token:
            raise ConfigError(
                "--tester-model, --tester-key and --tester-end-token belong to --tester; add it"
            )
        return {Role.CODER: coder, Role.TESTER: coder}
    tester_model_spec = ModelSpec(
        tester, model, key, tuple(end_token or ()), key_option="--tester-key"
    )
    return {Role.CODER: coder, Role.TESTER: tester_model_spec}


def reasoning_modes(
    coder: ReasoningMode | None, tester: ReasoningMode | None
) -> dict[Role, ReasoningMode]:
    """Return how each role's reasoning starts, where the user says it."""
    modes = {Role.CODER: coder, Role.TESTER: tester or coder}
    return {role: mode for role, mode in modes.items() if mode is not None}
