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


class RowShape(StrEnum):
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
class RegisteredSet:
    """A data set on the hub. ``rows`` is the published number of rows; None if it varies."""

    name: str
    hub_id: str
    split: str
    shape: RowShape
    rows: int | None = None
    files: tuple[str, ...] = ()
    """Files of the data set in order, if the hub does not know its splits; ``{split}`` in a
    file's name stands for the split. Later releases of LiveCodeBench have more files."""
    config: str | None = None
    """Part of the data set, if it has several."""

    def files_of(self, split: str | None) -> tuple[str, ...]:
        """Return the files of a split; empty if the hub knows the splits."""
        return tuple(file.format(split=split or self.split) for file in self.files)


LIVECODEBENCH = RegisteredSet(
    "LiveCodeBench-lite",
    "livecodebench/code_generation_lite",
    "test",
    RowShape.LIVECODEBENCH,
    files=("test.jsonl", *(f"test{i}.jsonl" for i in range(2, 7))),
)
KNOWN = (
    RegisteredSet(
        "CodeContests_train", "Gen-Verse/CodeContests_train", "train", RowShape.CURE, 4529
    ),
    RegisteredSet("CodeContests", "Gen-Verse/CodeContests", "test", RowShape.CURE, 239),
    RegisteredSet("CodeForces", "Gen-Verse/CodeForces", "test", RowShape.CURE, 467),
    RegisteredSet("LiveBench", "Gen-Verse/LiveBench-ReasonFlux", "test", RowShape.CURE, 128),
    RegisteredSet(
        "LiveCodeBench", "Gen-Verse/LiveCodeBench-ReasonFlux", "test", RowShape.CURE, 511
    ),
    RegisteredSet("MBPP", "Gen-Verse/MBPP-ReasonFlux", "test", RowShape.CURE, 221),
    LIVECODEBENCH,
    RegisteredSet(
        "LiveCodeBench-full",
        "livecodebench/code_generation",
        "test",
        RowShape.LIVECODEBENCH,
        400,
        ("test.jsonl",),
    ),
    RegisteredSet(
        "LiveCodeBench-tests", "livecodebench/test_generation", "test", RowShape.LIVECODEBENCH, 442
    ),
    RegisteredSet("HumanEval", "openai/openai_humaneval", "test", RowShape.NATIVE, 164),
    RegisteredSet("HumanEvalPlus", "evalplus/humanevalplus", "test", RowShape.NATIVE, 164),
    RegisteredSet("MBPPPlus", "evalplus/mbppplus", "test", RowShape.NATIVE, 378),
    RegisteredSet("LeetCodeDataset", "newfacade/LeetCodeDataset", "train", RowShape.OWN, 2641),
    RegisteredSet("APPS", "codeparrot/apps", "train", RowShape.OWN, 5000, ("{split}.jsonl",)),
    RegisteredSet("TACO", "BAAI/TACO", "train", RowShape.OWN, 25_443),
    RegisteredSet("DeepMind-CodeContests", "deepmind/code_contests", "train", RowShape.OWN, 13_328),
    RegisteredSet("open-r1-codeforces", "open-r1/codeforces", "train", RowShape.OWN),
    RegisteredSet("KodCode", "KodCode/KodCode-V1", "train", RowShape.OWN),
    RegisteredSet("KodCode-Light", "KodCode/KodCode-Light-RL-10K", "train", RowShape.OWN, 10_000),
    RegisteredSet("AceCode", "TIGER-Lab/AceCode-87K", "train", RowShape.OWN),
    RegisteredSet("AceCode-V2", "TIGER-Lab/AceCode-V2-122K", "train", RowShape.OWN),
)


def registered_set(name: str) -> RegisteredSet | None:
    """Return the data set of this name or hub id, in upper or lower case.

    Returns None for an OWNER/NAME that is not in `KNOWN`. Raises `ConfigError` for an unknown
    bare name (no owner before a slash).
    """
    folded = name.casefold()
    for known in KNOWN:
        if folded in (
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

    ``release_v3`` means the first three files, ``v3`` the third alone, and None all files in
    `KNOWN`. Raises `ConfigError` for any other release.
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
