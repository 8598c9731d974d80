"""Values of a known type as lines of text, and back.

This file stands twice: as a module here, and as text in front of the last lines of a converted
reference solution, which run where nothing is installed. So it imports nothing, uses no names that
a solution may have, and knows of a value's type only a scalar's name and ``shape``: a letter for
each list around it, "l" for a list and "t" for a tuple, outermost first.
"""


def sparring_lines(scalar: str, shape: str, counted: bool, apart: bool, value: object) -> str:
    """The lines of one value, each with its line break."""
    lines: list[str] = []
    _sparring_write(scalar, len(shape), counted, apart, value, lines)
    return "".join(f"{line}\n" for line in lines)


def sparring_read(forms: list[tuple[str, str, bool, bool]], text: str) -> list[object]:
    """The values that `sparring_lines` wrote one after another, given their types."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    # Lines of a list of lists without a length: what the others, of one line each, leave.
    free = len(lines) - sum(1 for _, shape, counted, _ in forms if len(shape) < 2 or counted)
    at = [0]
    found: list[object] = []
    for scalar, shape, counted, apart in forms:
        if len(shape) == 2 and not counted:
            rows = [_sparring_row(scalar, shape[1], _sparring_next(lines, at)) for _ in range(free)]
            found.append(_sparring_held(shape[0], rows))
        else:
            found.append(_sparring_value_of(scalar, shape, counted, apart, lines, at))
    return found


def _sparring_write(
    scalar: str, depth: int, counted: bool, apart: bool, value: object, lines: list[str]
) -> None:
    if depth == 0:
        lines.append(_sparring_text(scalar, value))
        return
    items = list(value)  # type: ignore[call-overload]
    if counted or (apart and depth == 1):
        lines.append(str(len(items)))
    if depth == 1 and not apart:
        lines.append(" ".join(_sparring_text(scalar, item) for item in items))
        return
    for item in items:
        # The length of a list of lists stands before it; that of a row can be seen.
        _sparring_write(scalar, depth - 1, counted and depth > 2, apart, item, lines)


def _sparring_text(scalar: str, value: object) -> str:
    if scalar == "bool":
        return str(bool(value))
    return value if isinstance(value, str) else repr(value)


def _sparring_value_of(
    scalar: str, shape: str, counted: bool, apart: bool, lines: list[str], at: list[int]
) -> object:
    if not shape:
        return _sparring_value(scalar, _sparring_next(lines, at))
    count = int(_sparring_next(lines, at)) if counted or (apart and len(shape) == 1) else 0
    if len(shape) == 1 and not apart:
        return _sparring_row(scalar, shape, _sparring_next(lines, at))
    deep = counted and len(shape) > 2
    items = [_sparring_value_of(scalar, shape[1:], deep, apart, lines, at) for _ in range(count)]
    return _sparring_held(shape[0], items)


def _sparring_row(scalar: str, shape: str, line: str) -> object:
    return _sparring_held(shape, [_sparring_value(scalar, word) for word in line.split()])


def _sparring_held(letter: str, items: list[object]) -> object:
    return tuple(items) if letter == "t" else items


def _sparring_value(scalar: str, text: str) -> object:
    if scalar == "int":
        return int(text)
    if scalar == "float":
        return float(text)
    if scalar == "bool":
        return text == "True"
    return text


def _sparring_next(lines: list[str], at: list[int]) -> str:
    at[0] += 1
    return lines[at[0] - 1]
