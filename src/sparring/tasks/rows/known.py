"""Public data sets by name: where they are on the Hugging Face hub, and in which shape.

The CURE sets are one JSON list each, in the field names of `fields`; LiveCodeBench is JSON lines in
its own, and so are the sets of `formats`. Facts of names, splits and sizes are from the authors'
repositories and pages and from arXiv 2506.03136; the hub itself is only asked by `hub`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from enum import StrEnum

from sparring.errors import ConfigError


class Shape(StrEnum):
    """What the rows of a set look like."""

    CURE = "cure"
    """``question``, ``test_input``, ``test_output``: programs on standard input."""
    LIVECODEBENCH = "livecodebench"
    """``question_content``, ``public_test_cases``, ``private_test_cases``: both kinds."""
    NATIVE = "native"
    """HumanEval's and MBPP's own (`natives`)."""
    CALLS = "calls"
    """``question``, ``entry_point``, ``args``, ``expected``: calls of a function."""
    OWN = "own"
    """The data set's own columns (`formats`)."""

    @property
    def told(self) -> str:
        """The shape in a message, after "a row of"."""
        names = {"livecodebench": "LiveCodeBench", "calls": "a table of calls"}
        return names.get(self.value, self.value)


@dataclass(frozen=True, slots=True)
class KnownSet:
    """A set on the hub. ``rows`` is how many there are said to be; None where it depends."""

    name: str
    hub_id: str
    split: str
    shape: Shape
    rows: int | None = None
    files: tuple[str, ...] = ()
    """Its files in order, where the hub cannot tell splits from them; later releases have more.
    With ``{split}`` in its name a file is that of the split."""
    config: str | None = None
    """The part of the set, where it has several."""

    def files_of(self, split: str | None) -> tuple[str, ...]:
        """The files of a split; none where the hub knows them."""
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
    """The set of this name or hub id, in any case; None if it is not one of `KNOWN`.

    Raises `ConfigError` for a bare name (no owner before a slash) that is none of them.
    """
    wanted = name.casefold()
    for one in KNOWN:
        if wanted in (
            one.name.casefold(),
            one.hub_id.casefold(),
            one.hub_id.split("/")[1].casefold(),
        ):
            return one
    if "/" in name:
        return None
    names = [one.name for one in KNOWN]
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise ConfigError(
        f"{name}: neither a file that is there, nor OWNER/NAME of the hub, nor one of "
        f"{', '.join(names)}{hint}"
    )


def release_files(release: str | None) -> tuple[str, ...]:
    """The files of a LiveCodeBench release: ``release_v3`` is the first three, ``v3`` the third
    alone. None is the newest that is known here. Raises `ConfigError`."""
    files = LIVECODEBENCH.files
    if release is None:
        return files
    for i, file in enumerate(files, start=1):
        if release == f"release_v{i}":
            return files[:i]
        if release == f"v{i}":
            return (file,)
    raise ConfigError(f"--release {release}: there are release_v1 to release_v{len(files)}, v1 …")
