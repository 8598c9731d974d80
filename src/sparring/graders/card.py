"""Card of a grader: its faults by kind with the smallest example of each, in Markdown and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from sparring.graders.case import CaseKind, GraderCase, Submission
from sparring.graders.cases import SUITE
from sparring.graders.trial import Observation, TriedCase
from sparring.text import in_line


class Fault(StrEnum):
    """Fault of a grader, in the order of the card."""

    RIGHT_REJECTED = "right programs rejected"
    WRONG_ACCEPTED = "wrong programs accepted"
    HUNG = "no verdict in time"
    DIED = "the grader's process ended"
    RAISED = "no verdict, an exception"
    HARM = "harm to the machine"
    LEFT = "processes left behind"
    FAILURE_SCORED = "failures of the machine scored as wrong"


@dataclass(frozen=True, slots=True)
class FoundFault:
    """Fault of a grader at a case, or at the companion of a case."""

    fault: Fault
    case: GraderCase
    submissions: Sequence[Submission]
    seen: Observation

    @property
    def size(self) -> int:
        """Characters of the programs: the smallest example is the one to look at."""
        return sum(len(s.program) for s in self.submissions)


def findings(tried: Iterable[TriedCase]) -> Iterator[FoundFault]:
    """Yield the faults that the observations show. A case may show several."""
    every = list(tried)
    forms = {one.case.form for one in every if one.seen.verdict in ("accepted", "rejected")}
    for one in every:
        case = one.case
        if one.seen.verdict == "unsupported" and case.form in forms:
            seen = replace(one.seen, detail="None for a form that it supports otherwise")
            yield FoundFault(Fault.RAISED, case, case.submissions, seen)
        elif one.seen.verdict != "unsupported":
            for fault in _faults(case, case.right, one.seen):
                yield FoundFault(fault, case, case.submissions, one.seen)
        if one.companion is not None and case.companion is not None:
            right = None if case.right is None else not case.right
            if case.condition:
                right = True  # the same program, where nothing fails
            for fault in _faults(None, right, one.companion):
                yield FoundFault(fault, case, [case.companion], one.companion)


def _faults(case: GraderCase | None, right: bool | None, seen: Observation) -> Iterator[Fault]:
    """Yield the faults of one observation. ``case`` is None for a companion."""
    if case is not None and case.condition:
        if seen.verdict == "rejected":
            yield Fault.FAILURE_SCORED
        elif seen.verdict in ("hung", "died"):
            yield _NO_VERDICT[seen.verdict]
        return
    if right is True and seen.verdict == "rejected":
        yield Fault.RIGHT_REJECTED
    reached = case is not None and case.kind is CaseKind.HARM
    if right is False and seen.verdict == "accepted":
        yield Fault.HARM if reached else Fault.WRONG_ACCEPTED
    if seen.verdict in _NO_VERDICT:
        yield _NO_VERDICT[seen.verdict]
    if seen.harm and not (reached and right is False and seen.verdict == "accepted"):
        yield Fault.HARM
    if seen.left:
        yield Fault.LEFT


_NO_VERDICT = {"hung": Fault.HUNG, "died": Fault.DIED, "raised": Fault.RAISED}


@dataclass(frozen=True, slots=True)
class Card:
    """Findings about a grader, and the conditions under which they were made.

    ``grader``: its name and version. ``date``: the day, as YYYY-MM-DD. ``held``: what the machine
    held back. ``interpreter``: version of the grader's Python.
    """

    grader: str
    date: str
    interpreter: str
    held: str
    tried: Sequence[TriedCase]

    @property
    def findings(self) -> list[FoundFault]:
        """All faults."""
        return list(findings(self.tried))

    def as_dict(self) -> dict[str, Any]:
        """Return the card as JSON values: conditions, counts, faults, and the verdict of each
        case."""
        found = self.findings
        supported = [one for one in self.tried if one.seen.verdict != "unsupported"]
        return {
            "suite": SUITE,
            "grader": self.grader,
            "date": self.date,
            "python": self.interpreter,
            "held_back": self.held,
            "cases": len(self.tried),
            "supported": len(supported),
            "forms": sorted({str(one.case.form) for one in supported}),
            "faults": {fault: sum(f.fault is fault for f in found) for fault in Fault},
            "findings": [
                {
                    "fault": finding.fault,
                    "case": finding.case.title,
                    "companion": finding.submissions is not finding.case.submissions,
                    "verdict": finding.seen.verdict,
                    "detail": finding.seen.detail,
                    "harm": list(finding.seen.harm),
                }
                for finding in found
            ],
            "smallest": {
                fault: {
                    "case": smallest.case.title,
                    "programs": [s.program for s in smallest.submissions],
                    "tests": dict(smallest.submissions[-1].tests),
                    "verdict": smallest.seen.verdict,
                    "detail": smallest.seen.detail,
                }
                for fault in Fault
                if (smallest := smallest_of(found, fault))
            },
            "choices": {
                one.case.title: one.seen.verdict for one in supported if one.case.right is None
            },
            "verdicts": {
                one.case.title: [one.seen.verdict, one.companion.verdict if one.companion else None]
                for one in self.tried
            },
        }

    def json(self) -> str:
        """Return the card as a JSON text."""
        return json.dumps(self.as_dict(), indent=1, ensure_ascii=True) + "\n"

    def markdown(self) -> str:
        """Return the card as a page: a table of counts by kind of case, the smallest example of
        each fault, and the choices."""
        found = self.findings
        supported = [one for one in self.tried if one.seen.verdict != "unsupported"]
        forms = ", ".join(sorted({str(one.case.form) for one in supported})) or "none"
        lines = [
            f"# Card of {self.grader}",
            "",
            f"{self.date}, Python {self.interpreter}, cases of version {SUITE}: "
            f"{len(supported)} of {len(self.tried)} are of a form that it supports ({forms}). "
            f"During the trial {self.held}.",
            "",
            *_table(supported, found),
            "",
        ]
        for fault in Fault:
            of_fault = [finding for finding in found if finding.fault is fault]
            if of_fault:
                lines += [f"## {_sentence(fault)}", "", *_examples(of_fault)]
        open_cases = [one for one in supported if one.case.right is None]
        if open_cases:
            lines += ["## Choices", "", "Graders may differ in these; none is a fault.", ""]
            lines += [f"- {in_line(one.case.title)}: {one.seen.verdict}" for one in open_cases]
            lines.append("")
        return "\n".join(lines)


def smallest_of(found: Sequence[FoundFault], fault: Fault) -> FoundFault | None:
    """Return the smallest example of a fault, None if there is none."""
    return min(
        (one for one in found if one.fault is fault),
        key=lambda one: (one.size, one.case.title),
        default=None,
    )


def _table(supported: Sequence[TriedCase], found: Sequence[FoundFault]) -> list[str]:
    kinds = list(dict.fromkeys(one.case.kind for one in supported))
    lines = ["| | " + " | ".join(kinds) + " |", "|---|" + "---|" * len(kinds)]
    counts = [sum(one.case.kind is kind for one in supported) for kind in kinds]
    lines.append("| cases | " + " | ".join(map(str, counts)) + " |")
    for fault in Fault:
        cells = [
            str(sum(f.fault is fault and f.case.kind is kind for f in found) or "–")
            for kind in kinds
        ]
        lines.append(f"| {fault} | " + " | ".join(cells) + " |")
    return lines


def _examples(of_fault: Sequence[FoundFault]) -> list[str]:
    """Return the names of all cases of a fault, then the smallest one whole."""
    names = list(dict.fromkeys(finding.case.title for finding in of_fault))
    smallest = smallest_of(of_fault, of_fault[0].fault)
    assert smallest is not None
    count = "1 case" if len(names) == 1 else f"{len(names)} cases"
    lines = [f"{count}: " + "; ".join(in_line(name) for name in names) + ".", ""]
    whose = "" if smallest.submissions is smallest.case.submissions else ", its companion"
    seen = "; ".join(
        filter(None, [smallest.seen.verdict, smallest.seen.detail, *smallest.seen.harm])
    )
    lines += [f"Smallest example: {in_line(smallest.case.title)}{whose} ({in_line(seen)}).", ""]
    for number, submission in enumerate(smallest.submissions, start=1):
        which = f"Program {number}" if len(smallest.submissions) > 1 else "Program"
        lines += [f"{which}:", "", *_indented(submission.program), ""]
    lines += ["Tests:", "", *_indented(json.dumps(dict(submission.tests))[:2000]), ""]
    return lines


def _indented(text: str) -> list[str]:
    shown = text[:2000].replace("\r", "\\r").replace("\x0c", "\\f").splitlines()
    return ["    " + line for line in shown]


def _sentence(fault: Fault) -> str:
    return fault[0].upper() + fault[1:]
