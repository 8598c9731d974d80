"""Layout of an answer: its fenced blocks, and the text around them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sparring.prompts.blocks import FencedBlock, blocks

_END_TICKS = re.compile(r"^([^`]*[^`\s])[ \t]*(`{3,})\s*$")


@dataclass(frozen=True, slots=True)
class AnswerText:
    """Response without its reasoning: its lines, and the fenced blocks in them."""

    lines: Sequence[str]
    blocks: Sequence[FencedBlock]

    @classmethod
    def of(cls, lines: Sequence[str]) -> AnswerText:
        """Return the answer with these lines. A fence may also close a block at the end of the
        block's last line."""
        lines = list(lines)
        for i, line in enumerate(lines):
            if (match := _END_TICKS.match(line)) and any(
                b.end is None and b.start < i for b in blocks(lines[: i + 1])
            ):
                lines[i : i + 1] = [match[1], match[2]]
                break
        return cls(lines, blocks(lines))

    @property
    def outside(self) -> list[str]:
        """The lines outside of blocks, with the fences left in as borders."""
        inside: set[int] = set()
        for block in self.blocks:
            inside.update(range(block.start + 1, block.end or len(self.lines)))
        return [line for i, line in enumerate(self.lines) if i not in inside]
