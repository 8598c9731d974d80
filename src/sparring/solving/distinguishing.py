"""Distinguishing inputs: inputs on which two programs of a session may differ.

A generated test that both programs pass says nothing about which of the two is right. An input on
which they differ shows with which of them the other programs agree (the idea of S*, arXiv
2502.14382). The tester's model is asked for such inputs, without an expected output. All readable
programs then run on them, and their answers are evidence.
"""

from __future__ import annotations

from sparring.schema import Role
from sparring.solving.candidates import ProgramCandidate
from sparring.solving.input_reader import read_input
from sparring.solving.inputs import is_input_only
from sparring.solving.messages import distinguishing_input
from sparring.solving.session import Session

INPUTS = 2
"""Inputs asked for at once."""


def tell_apart(session: Session, first: ProgramCandidate, second: ProgramCandidate) -> None:
    """Ask for inputs on which the two programs differ, and run all readable programs on them."""
    message = distinguishing_input(session.task, first.source or "", second.source or "")
    replies = session.ask(Role.TESTER, message, INPUTS)
    texts = [(session.answer_text(Role.TESTER, r), r.stop) for r in replies]
    read = [read_input(session.task, text, stop).test for text, stop in texts]
    inputs = [test for test in dict.fromkeys(read) if test is not None]
    assert all(map(is_input_only, inputs))
    before = len(session.inputs)
    session.run([p for p in session.programs if p.source is not None], inputs)
    session.note(
        "apart",
        f"programs {first.number} and {second.number} are nearly equal: "
        f"{len(session.inputs) - before} new inputs to tell them apart",
        programs=[first.number, second.number],
        asked=INPUTS,
        inputs=[test.input for test in inputs],
    )
