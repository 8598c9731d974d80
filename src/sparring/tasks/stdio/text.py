"""Values of a known type as lines of text, and back.

This file stands twice: as a module here, and as text inside the last lines of a converted reference
solution, which runs where nothing is installed. So it imports nothing, holds no text in three
single quotes, and knows of a value's type only a scalar's name and ``shape``: a letter for each
list around it, "l" for a list and "t" for a tuple, outermost first.
"""


def lines_of(scalar: str, shape: str, counted: bool, apart: bool, value: object) -> str:
    """The lines of one value, each with its line break."""
    lines: list[str] = []
    _write(scalar, len(shape), counted, apart, value, lines)
    return "".join(f"{line}\n" for line in lines)


def read_back(forms: list[tuple[str, str, bool, bool]], text: str) -> list[object]:
    """The values that `lines_of` wrote one after another, given their types."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    # Lines of a list of lists without a length: what the others, of one line each, leave.
    free = len(lines) - sum(1 for _, shape, counted, _ in forms if len(shape) < 2 or counted)
    at = [0]
    values_read: list[object] = []
    for scalar, shape, counted, apart in forms:
        if len(shape) == 2 and not counted:
            rows = [_row(scalar, shape[1], _next_line(lines, at)) for _ in range(free)]
            values_read.append(_list_or_tuple(shape[0], rows))
        else:
            values_read.append(_read_value(scalar, shape, counted, apart, lines, at))
    return values_read


def _write(
    scalar: str, depth: int, counted: bool, apart: bool, value: object, lines: list[str]
) -> None:
    if depth == 0:
        lines.append(_text(scalar, value))
        return
    items = list(value)  # type: ignore[call-overload]
    if counted or (apart and depth == 1):
        lines.append(str(len(items)))
    if depth == 1 and not apart:
        lines.append(" ".join(_text(scalar, item) for item in items))
        return
    for item in items:
        # The length of a list of lists stands before it; that of a row can be seen.
        _write(scalar, depth - 1, counted and depth > 2, apart, item, lines)


def _text(scalar: str, value: object) -> str:
    if scalar == "bool":
        return str(bool(value))
    if scalar == "int" and isinstance(value, (bool, float)) and value == int(value):
        # Equal to the integer that is expected, and so right as a value; now also as text.
        return str(int(value))
    return value if isinstance(value, str) else repr(value)


def _read_value(
    scalar: str, shape: str, counted: bool, apart: bool, lines: list[str], at: list[int]
) -> object:
    if not shape:
        return _value(scalar, _next_line(lines, at))
    count = int(_next_line(lines, at)) if counted or (apart and len(shape) == 1) else 0
    if len(shape) == 1 and not apart:
        return _row(scalar, shape, _next_line(lines, at))
    deep = counted and len(shape) > 2
    items = [_read_value(scalar, shape[1:], deep, apart, lines, at) for _ in range(count)]
    return _list_or_tuple(shape[0], items)


def _row(scalar: str, shape: str, line: str) -> object:
    return _list_or_tuple(shape, [_value(scalar, word) for word in line.split()])


def _list_or_tuple(letter: str, items: list[object]) -> object:
    return tuple(items) if letter == "t" else items


def _value(scalar: str, text: str) -> object:
    if scalar == "int":
        return int(text)
    if scalar == "float":
        return float(text)
    if scalar == "bool":
        return text == "True"
    return text


def _next_line(lines: list[str], at: list[int]) -> str:
    at[0] += 1
    return lines[at[0] - 1]
