"""Responses → `GroupResult`: responses are read once, executed and compared; then come rewards and
the record.

The modules in the order in which a group meets them:

1. `reading` (with `assertions` and `bare`): the program or the test in a response.
2. `executions` and `columns`: the programs to execute, and the tests to execute them on.
3. `comparison` and `checker_leniency`: outputs compared with what is expected.
4. `grade`: makes the `group.GroupResult` of a task.
5. `by_pseudo_labels`: grades by pseudo-labels, the tests of a frozen tester.
6. `scorer`: rewards and advantages.
7. `record`, and back from disk `recorded`.

`facts`, `monitors` and `wanting` compute figures of graded groups.
"""
