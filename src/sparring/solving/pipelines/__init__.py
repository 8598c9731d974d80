"""Published ways to get a program out of a model, each as one function of a session.

Each module has the algorithm, its source, its parameters and what differs from the source. They
share the sampler, the sandbox, the budget and the record of `solving.session`, so that their costs
can be compared (`solving.measure`).
"""

from __future__ import annotations

from enum import StrEnum

from sparring.selection.selectors import Selector
from sparring.solving.pipelines.agentic_tests import TestView, agentic_tests
from sparring.solving.pipelines.alphacodium import alphacodium
from sparring.solving.pipelines.best_of_n import best_of_n, single
from sparring.solving.pipelines.mpsc import mpsc
from sparring.solving.pipelines.rounds import PipelineResult
from sparring.solving.pipelines.s_star import s_star
from sparring.solving.pipelines.test_and_repair import test_and_repair
from sparring.solving.session import Session


class Pipeline(StrEnum):
    """Pipeline by name, in the order of tables."""

    SINGLE = "single"
    BEST_OF_N = "best_of_n"
    ALPHACODIUM = "alphacodium"
    S_STAR = "s_star"
    MPSC = "mpsc"
    AGENTIC_TASK = "agentic_task"
    """Agentic test generation, task-derived."""
    AGENTIC_FUNCTION = "agentic_function"
    """Agentic test generation, function-specific."""
    TEST_AND_REPAIR = "test_and_repair"


OWN_RULE = frozenset({Pipeline.SINGLE, Pipeline.S_STAR, Pipeline.MPSC, Pipeline.TEST_AND_REPAIR})
"""Pipelines that choose by a rule of their own."""


def run_pipeline(pipeline: Pipeline, session: Session, selector: Selector) -> PipelineResult:
    """Solve the session's task. ``selector`` chooses where a pipeline has no rule of its own."""
    match pipeline:
        case Pipeline.SINGLE:
            return single(session)
        case Pipeline.BEST_OF_N:
            return best_of_n(session, selector)
        case Pipeline.ALPHACODIUM:
            return alphacodium(session, selector)
        case Pipeline.S_STAR:
            return s_star(session)
        case Pipeline.MPSC:
            return mpsc(session)
        case Pipeline.AGENTIC_TASK:
            return agentic_tests(session, TestView.TASK_DERIVED, selector)
        case Pipeline.AGENTIC_FUNCTION:
            return agentic_tests(session, TestView.FUNCTION_SPECIFIC, selector)
        case Pipeline.TEST_AND_REPAIR:
            return test_and_repair(session)
