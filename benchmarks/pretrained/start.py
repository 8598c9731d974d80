"""The initial model of the pretrained runs: its SHA-256, and the checkpoint made of its file.

A model is named with every figure by two numbers: the SHA-256 of the GGUF file, and that of the
weights in the checkpoint, which does not depend on how a checkpoint's files are laid out.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from benchmarks.pretrained.turns import one_at_a_time

from sparring.errors import ModelError, explained
from sparring.extras import extra
from sparring.files import checksum, replacing

FILE = "the Q4_K_M GGUF of Qwen2.5-Coder-0.5B-Instruct"
CHECKPOINT = Path("pretrained") / "model"
"""Where the file is converted to, from the root of the checkout."""
GGUF = "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32"
"""SHA-256 of the file that the recipe is written for (491,400,064 bytes)."""
WEIGHTS = "e174a7ff518890eb76fb771868273dc0bf9947df511d460de49cb38c0a678cd1"
"""SHA-256 of the weights in the checkpoint made of that file (`weights_digest`)."""
_ORIGIN = "gguf.sha256"
"""File in a converted checkpoint with the SHA-256 of the file that it was made of."""
_PIECE = 1 << 24


@dataclass(frozen=True, slots=True)
class InitialModel:
    """A checkpoint, the SHA-256 of its weights, and that of the GGUF file it was made of (None if
    that is not known)."""

    directory: Path
    weights: str
    gguf: str | None

    def as_dict(self) -> dict[str, str | None]:
        return {"weights_sha256": self.weights, "gguf_sha256": self.gguf}


def initial_model_of(model: Path, place: Path, expected: str | None = None) -> InitialModel:
    """Return the initial model of a GGUF file or of a checkpoint's directory.

    A file is converted to the checkpoint ``place``, unless ``place`` was made of this file before,
    here or by `sparring model convert`. Of two processes that convert, the second one waits. Raises
    `ModelError`, also for a file whose SHA-256 is not the one ``expected``, and `RunError` where
    ``place`` cannot be written.
    """
    if model.is_dir():
        origin, weights = model / _ORIGIN, weights_digest(model)
        known = GGUF if weights == WEIGHTS else None
        return InitialModel(
            model, weights, origin.read_text().strip() if origin.is_file() else known
        )
    if not model.is_file():
        raise ModelError(f"{model}: there is no such file or directory; name the model's GGUF file")
    digest = checksum(model)
    if expected is not None and digest != expected:
        raise ModelError(
            f"{model}: is not the initial model: its SHA-256 is {digest}; give {FILE} with "
            f"SHA-256 {expected}"
        )
    with one_at_a_time(place.parent):
        if not place.exists():
            with extra("train", "converting a model"):
                from sparring.policy.gguf import convert_gguf
            print(f"converts {model} to {place}", flush=True)
            with explained(place, "repeat the command"), replacing(place) as beside:
                convert_gguf(model, beside)
                (beside / _ORIGIN).write_text(digest + "\n")
    found = initial_model_of(place, place) if any(place.glob("*.safetensors")) else None
    if found is None or found.gguf != digest:
        raise ModelError(
            f"{place}: was not made of {model}; move it away, or name it as the model if it is the "
            "one"
        )
    return found


def weights_digest(directory: Path) -> str:
    """Return the SHA-256 of a checkpoint's tensors: names, types, shapes and bytes, by name.

    Raises `ModelError` if the directory holds no safetensors file, or a broken one.
    """
    files = sorted(directory.glob("*.safetensors"))
    if not files:
        raise ModelError(f"{directory}: has no .safetensors file; name a checkpoint's directory")
    tensors: dict[str, tuple[Path, int, dict[str, Any]]] = {}
    for path in files:
        try:
            with path.open("rb") as file:
                size = int.from_bytes(file.read(8), "little")
                header = json.loads(file.read(min(size, path.stat().st_size)))
            header.pop("__metadata__", None)
            tensors |= {name: (path, 8 + size, about) for name, about in header.items()}
        except (ValueError, AttributeError) as error:
            raise ModelError(f"{path}: is no safetensors file: {error}") from None
    digest = hashlib.sha256()
    for name, (path, start, about) in sorted(tensors.items()):
        digest.update(f"{name}\0{about['dtype']}\0{about['shape']}\0".encode())
        first, last = about["data_offsets"]
        with path.open("rb") as file:
            file.seek(start + first)
            _update(digest, file, last - first)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, file: BinaryIO, size: int) -> None:
    while size > 0 and (piece := file.read(min(size, _PIECE))):
        digest.update(piece)
        size -= len(piece)
