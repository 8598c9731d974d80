"""The library's loops, on a server's model and on the embedded one: python examples/library.py URL

A test runs this file, so each line works as it stands. `docs/api.md` documents the names.
"""

import sys

from sparring import evaluate, load_tasks, solve, train

# Measure a model that a server has: tasks in, figures with 95% intervals out.
tasks = load_tasks("microworld:held_out", count=5)
result = evaluate(tasks, coder=sys.argv[1], n=4, m=4)
print(result.figures["pass@1"])

# Train the embedded model for two steps, then measure its newest checkpoint.
few = {"training.steps": 2, "training.tasks_per_step": 2, "tasks.held_out_count": 4}
run = train("nano", "runs/library", settings=few)
print(run.metrics[-1]["pass@1"], run.figures["pass@1"])
print(evaluate(tasks, coder=run.checkpoint, n=4, m=4).figures["unit_test_accuracy"])

# Solve one problem: the program that the tests chose, and how likely it is to be right.
solved = solve("Print the number read plus one.", coder=sys.argv[1], n=4, m=4, seconds=120)
print(solved.source, solved.sure)
