"""Public data sets by name: their place on the Hugging Face hub, and the shape of their rows.

- The CURE sets are one JSON list each, in the field names of `fields`. LiveCodeBench and the sets
  of `formats` have field names of their own.
- Names, splits and sizes are from the authors' repositories and pages, and from arXiv 2506.03136.
- This module asks the hub nothing; only `hub` does.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import ConfigError


class Shape(StrEnum):
    """Shape of a row: its field names."""

    CURE = "cure"
    """``question``, ``test_input``, ``test_output``: programs on standard input."""
    LIVECODEBENCH = "livecodebench"
    """``question_content``, ``public_test_cases``, ``private_test_cases``."""
    NATIVE = "native"
    """The columns of HumanEval and MBPP (`natives`)."""
    CALLS = "calls"
    """``question``, ``entry_point``, ``args``, ``expected``: calls of a function."""
    OWN = "own"
    """Columns of one other data set (`formats`)."""

    @property
    def told(self) -> str:
        """Return the shape's name for a message, after "a row of"."""
        names = {"livecodebench": "LiveCodeBench", "calls": "a table of calls"}
        return names.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A data set on the hub. ``rows`` is the published number of rows; None if it varies."""

    name: str
    hub_id: str
    split: str
    shape: Shape
    rows: int | None = None
    files: tuple[str, ...] = ()
    """Files of the data set in order, if the hub does not know its splits; ``{split}`` in a
    file's name stands for the split. Later releases of LiveCodeBench have more files."""
    config: str | None = None
    """Part of the data set, if it has several."""

    def files_of(self, split: str | None) -> tuple[str, ...]:
        """Return the files of a split; empty if the hub knows the splits."""
        return tuple(file.format(split=split or self.split) for file in self.files)


LIVECODEBENCH = KnownSet(
    "LiveCodeBench-lite",
    "livecodebench/code_generation_lite",
    "test",
    Shape.LIVECODEBENCH,
    files=("test.jsonl", *(f"test{i}.jsonl" for i in range(2, 7))),
)
KNOWN = (
    KnownSet("CodeContests_train", "Gen-Verse/CodeContests_train", "train", Shape.CURE, 4529),
    KnownSet("CodeContests", "Gen-Verse/CodeContests", "test", Shape.CURE, 239),
    KnownSet("CodeForces", "Gen-Verse/CodeForces", "test", Shape.CURE, 467),
    KnownSet("LiveBench", "Gen-Verse/LiveBench-ReasonFlux", "test", Shape.CURE, 128),
    KnownSet("LiveCodeBench", "Gen-Verse/LiveCodeBench-ReasonFlux", "test", Shape.CURE, 511),
    KnownSet("MBPP", "Gen-Verse/MBPP-ReasonFlux", "test", Shape.CURE, 221),
    LIVECODEBENCH,
    KnownSet(
        "LiveCodeBench-full",
        "livecodebench/code_generation",
        "test",
        Shape.LIVECODEBENCH,
        400,
        ("test.jsonl",),
    ),
    KnownSet(
        "LiveCodeBench-tests", "livecodebench/test_generation", "test", Shape.LIVECODEBENCH, 442
    ),
    KnownSet("HumanEval", "openai/openai_humaneval", "test", Shape.NATIVE, 164),
    KnownSet("HumanEvalPlus", "evalplus/humanevalplus", "test", Shape.NATIVE, 164),
    KnownSet("MBPPPlus", "evalplus/mbppplus", "test", Shape.NATIVE, 378),
    KnownSet("LeetCodeDataset", "newfacade/LeetCodeDataset", "train", Shape.OWN, 2641),
    KnownSet("APPS", "codeparrot/apps", "train", Shape.OWN, 5000, ("{split}.jsonl",)),
    KnownSet("TACO", "BAAI/TACO", "train", Shape.OWN, 25_443),
    KnownSet("DeepMind-CodeContests", "deepmind/code_contests", "train", Shape.OWN, 13_328),
    KnownSet("open-r1-codeforces", "open-r1/codeforces", "train", Shape.OWN),
    KnownSet("KodCode", "KodCode/KodCode-V1", "train", Shape.OWN),
    KnownSet("KodCode-Light", "KodCode/KodCode-Light-RL-10K", "train", Shape.OWN, 10_000),
    KnownSet("AceCode", "TIGER-Lab/AceCode-87K", "train", Shape.OWN),
    KnownSet("AceCode-V2", "TIGER-Lab/AceCode-V2-122K", "train", Shape.OWN),
)


def known_set(name: str) -> KnownSet | None:
    """Return the data set of this name or hub id, in upper or lower case.

    Returns None for an OWNER/NAME that is not in `KNOWN`. Raises `ConfigError` for an unknown
    bare name (no owner before a slash).
    """
    wanted = name.casefold()
    for known in KNOWN:
        if wanted in (
            known.name.casefold(),
            known.hub_id.casefold(),
            known.hub_id.split("/")[1].casefold(),
        ):
            return known
    if "/" in name:
        return None
    names = [known.name for known in KNOWN]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ConfigError(
        f"{name}: neither an existing file, nor OWNER/NAME of the hub, nor one of "
        f"{', '.join(names)}{hint}"
    )


def release_files(release: str | None) -> tuple[str, ...]:
    """Return the files of a LiveCodeBench release.

    ``release_v3`` is the first three files, ``v3`` the third alone, None all files in `KNOWN`.
    Raises `ConfigError` for any other release.
    """
    files = LIVECODEBENCH.files
    if release is None:
        return files
    for i, file in enumerate(files, start=1):
        if release == f"release_v{i}":
            return files[:i]
        if release == f"v{i}":
            return (file,)
    raise ConfigError(
        f"--release {release}: unknown; choose release_v1 to release_v{len(files)}, "
        f"or v1 to v{len(files)}"
    )
