"""Texts of the messages to a model: one template per role and kind of task.

A template is plain text with ``{statement}`` and, if wanted, ``{examples}`` and ``{derivation}``.
Templates for function tasks also have ``{function}``, the name by which the function is called.
Nothing else in braces is special, so that statements may hold any text.

The templates are written for small models, and measured on them (docs/prompts.md). Each template
says what not to write, shows the form of an answer once, and asks for nothing before the answer. If
the recipe wants it (``prompts.derivation``), a sentence that asks for a derivation replaces
``{derivation}``: models that reason well gain by it, small ones lose their way.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from sparring import values
from sparring.errors import ConfigError
from sparring.schema import Role, Task, Test, TestKind
from sparring.text import listed

VERSION = "2"
"""Version of the templates in this module. A record names the version that its responses were
sampled with (`Templates.version`)."""

CODER = """\
Write one complete Python 3 program that solves the problem below. It reads standard input and \
prints the answer to standard output.

{statement}
{examples}
{derivation}Give the whole program in one code block that opens with ```python and closes with \
```. Write no tests, no usage example and no explanation after it."""

TESTER = """\
A test of a programming problem is an input and the output that is right for it. For the problem \
"Read n, then n words on one line, and print the longest of them" one test is:

**Test Input:**
```
3
pear fig banana
```
**Test Output:**
```
banana
```

Write one test in the same form for the problem below: an input that the problem allows, on which \
a program with a subtle mistake would go wrong, and the exact output that is right for it.

Problem:
{statement}
{examples}
{derivation}Do not solve the problem. Write no code and no explanation, only the test. Begin with \
**Test Input:** and end with the block of **Test Output:**"""

CODER_FUNCTION = """\
Write the Python 3 function that is asked for below. It will be called as `{function}` and has to \
return its result.

{statement}
{examples}
{derivation}Give the whole function in one code block that opens with ```python and closes with \
```, with every import that it needs. Write no tests, no usage example and no explanation after \
it."""

TESTER_FUNCTION = """\
Below is a Python function that somebody has to write. Write one test for it: a call with \
arguments that the task allows, on which a function with a subtle mistake would go wrong, and the \
exact value that is right for it.

{statement}
{examples}
{derivation}Do not write the function. Write one single assertion, with arguments and value as \
literals, and nothing after it: no other assertion, no comment, no explanation. The form, here for \
a function `double_all`:

```python
assert double_all([2, -1]) == [4, -2]
```

Now one assertion about `{function}`:"""

_DERIVATION = {
    Role.CODER: "Work out an approach first, in a few sentences. ",
    Role.TESTER: "Derive the right result step by step first. ",
}
_ALWAYS = ("statement", "examples", "derivation")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Templates:
    """Templates of both roles, for tasks on standard input and for function tasks. Raises
    `ConfigError` for a template without ``{statement}`` or with an unknown placeholder."""

    coder: str = CODER
    tester: str = TESTER
    coder_function: str = CODER_FUNCTION
    tester_function: str = TESTER_FUNCTION
    derivation: bool = False

    @property
    def version(self) -> str:
        """`VERSION`, or a digest of templates that differ from those of this module."""
        own = (self.coder, self.tester, self.coder_function, self.tester_function)
        if own == (CODER, TESTER, CODER_FUNCTION, TESTER_FUNCTION):
            return VERSION
        return "own-" + hashlib.sha256("\0".join(own).encode()).hexdigest()[:8]

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
                raise ConfigError(
                    f"prompts.{name}: unknown placeholder {{{sorted(unknown)[0]}}}; "
                    f"there are {listed([f'{{{one}}}' for one in known])}"
                )
        every = (self.coder, self.tester, self.coder_function, self.tester_function)
        if self.derivation and not any("{derivation}" in text for text in every):
            raise ConfigError(
                "prompts.derivation: no template has {derivation}; put it where the sentence should"
                " stand, or leave the setting out"
            )

    def fill(self, task: Task, role: Role, examples: int = 0) -> str:
        """Return the user message for a task, with its first ``examples`` public examples."""
        coder = role is Role.CODER
        values_by_name = {
            "statement": task.statement,
            "derivation": _DERIVATION[role] if self.derivation else "",
        }
        if task.entry_point is None:
            template = self.coder if coder else self.tester
            shown = [_printed(t) for t in task.examples[:examples]]
        else:
            template = self.coder_function if coder else self.tester_function
            values_by_name["function"] = called_as(task.entry_point)
            calls = [t for t in task.examples if t.kind is TestKind.CALL]
            shown = [_call(task.entry_point, t) for t in calls[:examples]]
        values_by_name["examples"] = "".join(shown)
        return _PLACEHOLDER.sub(lambda match: values_by_name[match[1]], template)


def called_as(entry_point: str) -> str:
    """Return the way to call a function of a program: ``f``, or ``Solution().f`` for a method."""
    name, _, method = entry_point.partition(".")
    return f"{name}().{method}" if method else name


def _printed(test: Test) -> str:
    return (
        f"\nExample input:\n```\n{test.input.rstrip()}\n```\n"
        f"Example output:\n```\n{test.output.rstrip()}\n```\n"
    )


def _call(entry_point: str, test: Test) -> str:
    """Return an example as the assertion that a program has to satisfy. Raises `NotPlain` if the
    input is no encoded call, which the loader has excluded."""
    values.decode(test.input)
    call = values.show_call(called_as(entry_point), test.input)
    asserted = f"{call} == {values.show(test.output)}"
    return f"\nExample:\n```python\nassert {asserted}\n```\n"
