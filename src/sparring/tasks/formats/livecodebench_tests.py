"""Private tests of LiveCodeBench: JSON, or base64 of zlib of a pickle of the JSON text.

- A pickle is a program, and this one is never run. Its operations are listed; the text is taken
  only if they make one text and nothing else.
- Unpacking stops at a limit, because a few kilobytes can unpack to gigabytes.
"""

from __future__ import annotations

import base64
import binascii
import pickletools
import zlib

MAX_UNPACKED = 1 << 30
"""Most bytes of one row's tests after unpacking."""
_TEXT = ("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8")
_AROUND = ("PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP")
"""Operations around a text in its pickle, in every protocol; none of them makes an object."""


def unseal(text: str, most: int = MAX_UNPACKED) -> str:
    """Return the JSON text of private tests; a text that begins like JSON is returned as it is.

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
