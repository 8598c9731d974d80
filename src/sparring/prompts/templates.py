"""The words put to a model, one template per role.

A template is plain text with ``{statement}`` and, if wanted, ``{examples}``.
Nothing else in braces is special, so statements may hold any text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sparring.errors import ConfigError
from sparring.schema import Role, Task

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

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of both roles. Raises `ConfigError` on a template without
    ``{statement}`` or with a placeholder that does not exist."""

    coder: str = CODER
    tester: str = TESTER

    def __post_init__(self) -> None:
        for role, text in (("coder", self.coder), ("tester", self.tester)):
            names = set(_PLACEHOLDER.findall(text))
            if "statement" not in names:
                raise ConfigError(f"prompts.{role}: the template needs {{statement}}")
            if unknown := names - {"statement", "examples"}:
                raise ConfigError(
                    f"prompts.{role}: unknown placeholder {{{sorted(unknown)[0]}}}; "
                    "there are {statement} and {examples}"
                )

    def fill(self, task: Task, role: Role, examples: int = 0) -> str:
        """The user message for a task, showing its first ``examples`` public examples."""
        shown = "".join(
            f"\nExample input:\n```\n{t.input.rstrip()}\n```\n"
            f"Example output:\n```\n{t.output.rstrip()}\n```\n"
            for t in task.examples[:examples]
        )
        values = {"statement": task.statement, "examples": shown}
        template = self.coder if role is Role.CODER else self.tester
        return _PLACEHOLDER.sub(lambda match: values[match[1]], template)
