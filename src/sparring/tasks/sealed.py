"""The private tests of LiveCodeBench: JSON, or base64 of zlib of a pickle of the JSON text.

A pickle is a program. This one is read by an unpickler that knows no class and no function and
takes nothing but a text, and it is unpacked only so far: a few kilobytes can stand for gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import io
import pickle
import pickletools
import zlib
from typing import NoReturn

MAX_UNPACKED = 1 << 30
"""Bytes of one row's tests, unpacked."""
_OPCODES = (
    *("PROTO", "FRAME", "STOP", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT"),
    *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
)
"""What a pickle of one text is made of; all of them do no more than they name."""


class _OnlyText(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> NoReturn:
        raise pickle.UnpicklingError(f"asks for {module}.{name}")

    def persistent_load(self, pid: object) -> NoReturn:
        raise pickle.UnpicklingError("asks for an object from elsewhere")


def unseal(text: str, most: int = MAX_UNPACKED) -> str:
    """The JSON text within. A text that is JSON by its look is returned as it is.

    Raises `ValueError` with a short reason: not base64, not zlib, more than ``most`` bytes, or a
    pickle of anything but one text.
    """
    if text.lstrip()[:1] in ("[", "{"):
        return text
    try:
        packed = base64.b64decode(text.strip().encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise ValueError("neither JSON nor base64") from None
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, most + 1)
    except zlib.error:
        raise ValueError("not zlib inside base64") from None
    if len(data) > most:
        raise ValueError(f"unpacks to more than {most:,} bytes")
    if not stream.eof:
        raise ValueError("the zlib stream is cut off")
    return _only_text(data)


def _only_text(data: bytes) -> str:
    try:
        # The list of operations first: an unpickler would make what a list or a number of any
        # length asks for before the end shows that it is no text.
        for operation, _, _ in pickletools.genops(data):
            if operation.name not in _OPCODES:
                raise ValueError(f"a pickle of more than a text ({operation.name})")
        value = _OnlyText(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, IndexError, OverflowError, KeyError) as error:
        raise ValueError(f"not a pickle of a text: {error}") from None
    except UnicodeDecodeError:
        raise ValueError("a pickle whose text is not UTF-8") from None
    except ValueError as error:
        raise ValueError(str(error)) from None
    if not isinstance(value, str):
        raise ValueError(f"a pickle of {type(value).__name__}, not of a text")
    return value
