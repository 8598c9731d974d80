"""The words put to a model, one template per role and kind of task.

A template is plain text with ``{statement}`` and, if wanted, ``{examples}``;
for function tasks also ``{function}``, what the function is called by.
Nothing else in braces is special, so statements may hold any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparring import values
from sparring.errors import ConfigError
from sparring.schema import Kind, Role, Task, Test

CODER = """\
Solve the programming problem below with one complete Python 3 program. It must read its input \
from standard input and write the answer, and nothing else, to standard output.

{statement}
{examples}
Work out an approach first. Then give the whole program in a single block that opens with \
```python and closes with ```; nothing may follow it."""

TESTER = """\
Below is a programming problem. Write one test for it: an input that the problem allows, chosen \
so that a program with a subtle mistake would get it wrong, and the exact output that a right \
program prints for it.

{statement}
{examples}
Derive the output step by step before you commit to it. Then finish with exactly this form:

**Test Input:**
```
the input, as it is fed to standard input
```
**Test Output:**
```
the output that is expected
```"""

CODER_FUNCTION = """\
Write the Python 3 function that is asked for below. It will be imported and called as \
`{function}`: it has to return its result, and what it prints does not count.

{statement}
{examples}
Work out an approach first. Then give the whole code, with the head as it stands above and every \
import that it needs, in a single block that opens with ```python and closes with ```; nothing may \
follow it."""

TESTER_FUNCTION = """\
Below is a Python function that somebody has to write. Write one test for it: arguments that the \
task allows, chosen so that a function with a subtle mistake returns something else, and the exact \
value that a right one returns.

{statement}
{examples}
Derive the value step by step before you commit to it. Then finish with exactly one block of this \
form, a single assertion in which arguments and value are written out as literals:

```python
assert {function}(arguments) == value
```"""

_ALWAYS = ("statement", "examples")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of both roles, those of function tasks apart. Raises `ConfigError` on a
    template without ``{statement}`` or with a placeholder that does not exist."""

    coder: str = CODER
    tester: str = TESTER
    coder_function: str = CODER_FUNCTION
    tester_function: str = TESTER_FUNCTION

    def __post_init__(self) -> None:
        for name, text, more in (
            ("coder", self.coder, ()),
            ("tester", self.tester, ()),
            ("coder_function", self.coder_function, ("function",)),
            ("tester_function", self.tester_function, ("function",)),
        ):
            names = set(_PLACEHOLDER.findall(text))
            if "statement" not in names:
                raise ConfigError(f"prompts.{name}: the template needs {{statement}}")
            known = (*_ALWAYS, *more)
            if unknown := names - {*known}:
                listed = [f"{{{one}}}" for one in known]
                raise ConfigError(
                    f"prompts.{name}: unknown placeholder {{{sorted(unknown)[0]}}}; "
                    f"there are {', '.join(listed[:-1])} and {listed[-1]}"
                )

    def fill(self, task: Task, role: Role, examples: int = 0) -> str:
        """The user message for a task, showing its first ``examples`` public examples."""
        coder = role is Role.CODER
        filled = {"statement": task.statement}
        if task.entry_point is None:
            template = self.coder if coder else self.tester
            shown = [_printed(t) for t in task.examples[:examples]]
        else:
            template = self.coder_function if coder else self.tester_function
            filled["function"] = called_as(task.entry_point)
            calls = [t for t in task.examples if t.kind is Kind.CALL]
            shown = [_call(task.entry_point, t) for t in calls[:examples]]
        filled["examples"] = "".join(shown)
        return _PLACEHOLDER.sub(lambda match: filled[match[1]], template)


def called_as(entry_point: str) -> str:
    """How a function is called in a program: ``f``, or ``Solution().f`` where it is a method."""
    name, _, method = entry_point.partition(".")
    return f"{name}().{method}" if method else name


def _printed(test: Test) -> str:
    return (
        f"\nExample input:\n```\n{test.input.rstrip()}\n```\n"
        f"Example output:\n```\n{test.output.rstrip()}\n```\n"
    )


def _call(entry_point: str, test: Test) -> str:
    """An example as the assertion that a program has to satisfy. Raises `NotPlain` where the
    input is no encoded call: the loader has checked it."""
    values.decode(test.input)
    call = values.show_call(called_as(entry_point), test.input)
    asserted = f"{call} == {values.show(test.output)}"
    return f"\nExample:\n```python\nassert {asserted}\n```\n"
