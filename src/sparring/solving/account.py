"""Account of a decision as text: a few lines, from the record in solve.json.

Names are those of `sparring show`: program P3, generated test U0, example E0, binding test G0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sparring.solving.pipelines import Pipeline

_KINDS = (("binding", "binding tests", "G"), ("examples", "public examples", "E"))
_NAMED = 8
"""Most failed tests that are named."""


def account(record: Mapping[str, Any]) -> list[str]:
    """Return the account of a session: what was chosen and why, what it passes, how sure that is,
    what it cost."""
    decision = record["decision"]
    lines = [_candidates(decision)]
    if decision["chosen"] is None:
        failure = "could be read" if decision["programs"]["sampled"] else "was sampled"
        lines.append(f"no program {failure}, so there is nothing to choose")
    else:
        lines += _chosen(decision)
        lines.append(_sure(decision, record["strategy"]))
    lines += [_ended(record), _cost(record["costs"])]
    return lines


def _candidates(decision: Mapping[str, Any]) -> str:
    programs, tests = decision["programs"], decision["tests"]
    parts = [
        f"{_count(programs['sampled'], 'program')} ({programs['readable']} readable)",
        f"{_count(tests['sampled'], 'test')} ({tests['readable']} readable)",
    ]
    if decision["inputs"]:
        parts.append(f"{_count(len(decision['inputs']), 'distinguishing input')}")
    return ", ".join(parts)


def _chosen(decision: Mapping[str, Any]) -> list[str]:
    repaired = " (repaired)" if decision["origin"] == "repaired" else ""
    lines = [f"chosen: P{decision['chosen']}{repaired}, by {decision['chosen_by']}"]
    others = decision["agree"]
    if decision["programs"]["readable"] > 1:
        lines.append(
            f"{_count(others, 'other program')} {'agrees' if others == 1 else 'agree'} with it on "
            "every input"
        )
    on = decision["chosen_on"]
    for kind, words, letter in (*_KINDS, ("generated", "generated tests", "U")):
        if (one := on[kind]) and any(one.values()):
            lines.append(_passes(one, words, letter))
    if not any(on["binding"].values()):
        lines.append("no binding test: whether it is right is unknown")
    return lines


def _passes(one: Mapping[str, Sequence[int]], words: str, letter: str) -> str:
    total, unknown = sum(map(len, one.values())), len(one["unknown"])
    if unknown == total:
        return f"was not run on any of the {words}"
    text = f"passes {len(one['passed'])} of {total} {words}"
    if one["failed"]:
        names = [f"{letter}{n}" for n in one["failed"][:_NAMED]]
        more = len(one["failed"]) - len(names)
        text += f"; fails {', '.join(names)}{f' and {more} more' if more else ''}"
    return text + (f"; was not run on {unknown} of them" if unknown else "")


def _sure(decision: Mapping[str, Any], strategy: str) -> str:
    sure, threshold = decision["sure"], decision["threshold"]
    if sure is None:
        reason = (
            f"because the pipeline {strategy} gives no probability"
            if strategy in list(Pipeline)
            else "because no program gave an answer to an input"
        )
        text = f"how sure: unknown, {reason}"
    else:
        text = f"how sure: {100 * sure:.0f}% likely to be right"
        if decision["chosen_on"]["binding"]["passed"] and sure:
            text += ", by the generated tests and answers alone"
    if sure == 0 and any(decision["chosen_on"][kind]["failed"] for kind, _, _ in _KINDS):
        text += ", because it fails a test that decides"
    if decision["abstained"] and sure is None:
        text += "; the program is not vouched for"
    elif decision["abstained"]:
        text += f"; below {100 * threshold:.0f}%, so the program is not vouched for"
    return text


def _ended(record: Mapping[str, Any]) -> str:
    reason = record["decision"]["reason"]
    if record["stopped"]:
        return "stopped by Ctrl-C: this is the best so far"
    if reason in ("seconds", "tokens", "requests", "executions"):
        return f"ended because the budget of {reason} is spent"
    return f"ended because {reason}"


def _cost(costs: Mapping[str, Any]) -> str:
    bounded = costs["bounded"]
    note = (
        f" (at most: the server reported none for {_count(bounded, 'request')})" if bounded else ""
    )
    return (
        f"cost: {costs['seconds']:.1f} s, {costs['tokens']:,} tokens{note}, "
        f"{_count(costs['requests'], 'request')}, {_count(costs['executions'], 'execution')}"
    )


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
