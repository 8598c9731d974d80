"""Where alarms begin: [monitors]."""

from __future__ import annotations

from pydantic import Field

from sparring.section import Section, Share


class MonitorsSection(Section):
    """[monitors]: where alarms begin, of means over five steps. 1 (entropy and
    gradient_share: 0) silences one."""

    withheld_gap: Share = Field(
        0.1, description="Failed runs on withheld tests of programs that pass the rewarded ones"
    )
    estimate_gap: Share = Field(
        0.2, description="Tests right by the programs, less those right by the reference"
    )
    duplicate_tests: Share = Field(0.5, description="Tests that repeat an input of their group")
    copied_tests: Share = Field(0.5, description="Tests with the input of a public example")
    invalid_tests: Share = Field(
        0.5, description="Tests unread, refused by the validator, or that stop the reference"
    )
    trivial_inputs: Share = Field(
        0.5, description="Tests with under half the values of their task's median input"
    )
    suspect_tests: Share = Field(
        0.25,
        description="Ground-truth tests that all programs fail, though one passes half of the others",
    )
    reference_failures: Share = Field(
        0.05, description="Ground-truth tests that the reference solution fails"
    )
    foreign_outputs: Share = Field(
        0.1, description="Expected outputs of other tests that the checker accepts"
    )
    violations: Share = Field(
        0.05, description="Runs on ground-truth tests that tried what the sandbox forbids"
    )
    gradient_share: Share = Field(
        0.02, description="Least share of a role's responses that carry gradient; 0 silences it"
    )
    truncated_share: Share = Field(
        0.9, description="Responses of a role that end at its token limit"
    )
    entropy: float = Field(
        0.1, ge=0, description="Least entropy of a role, as a share of that of the first five steps"
    )
    length: float = Field(
        2.0,
        gt=0,
        description="Greatest mean length of a role's responses, in those of the first five steps",
    )
    gap_drift: float = Field(
        2.0,
        gt=0,
        description="Greatest mean distance of a role's log-probs in training from those in sampling, in that of the first five steps",
    )
