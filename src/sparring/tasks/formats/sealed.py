"""The private tests of LiveCodeBench: JSON, or base64 of zlib of a pickle of the JSON text.

A pickle is a program, so this one is not run: its operations are listed, and it is taken if they
are those that make one text and no more. It is unpacked only so far: a few kilobytes can stand for
gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import zlib

MAX_UNPACKED = 1 << 30
"""Bytes of one row's tests, unpacked."""
_TEXT = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_AROUND = ("PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP")
"""What stands beside a text in a pickle of it, in every protocol. None of it makes anything."""


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
    texts = []
    try:
        for operation, argument, _ in pickletools.genops(data):
            if operation.name in _TEXT:
                texts.append(str(argument))
            elif operation.name not in _AROUND:
                raise ValueError(f"it has {operation.name}")
    except ValueError as error:
        raise ValueError(f"not a pickle of one text: {error}") from None
    if len(texts) != 1:
        raise ValueError(f"not a pickle of one text: it has {len(texts)}")
    return texts[0]
