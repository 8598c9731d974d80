"""Grading: each response is read once, programs are executed, and outputs are compared. Rewards and
the record follow.

The modules in the order in which a group meets them:

1. `reading` (with `assertions` and `bare`): the program or the test in a response.
2. `executions` and `test_jobs`: the programs to execute, and the tests to execute them on.
3. `comparison` and `checker_leniency`: outputs compared with the expected ones.
4. `grade`: makes the `group.GroupResult` of a task.
5. `pseudo_labels`: grades by pseudo-labels, the tests of a frozen tester.
6. `scorer`: rewards and advantages.
7. `record` and `recorded`: the record of a graded group, and the group read back from it.

`facts`, `monitors` and `missing_packages` compute figures of graded groups.
"""
