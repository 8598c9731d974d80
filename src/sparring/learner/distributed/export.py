"""Export of one role's weights for another program, in the data type that the program uses.

A checkpoint (`model.save_model`) serves to resume training and holds all of a model's adapters in
float32. An export holds the weights that a server loads for one role: with the role's adapter
merged (`export_weights`), or the adapter alone (`export_adapter`). Weights are written tensor by
tensor, in files of bounded size. With several processes, each process that sees the directory
writes a share of the files.

Tied embeddings, which are the output matrix as well, are written twice, and the exported
configuration declares them untied. The reason is vLLM on a CPU, which keeps the output matrix in a
packed form. When weights are exchanged, vLLM repacks the matrix only if the matrix arrives as a
separate tensor. With tied weights vLLM would keep the output matrix of the first step. A server
that was started with a tied model ignores the second tensor.
"""

from __future__ import annotations

import copy
import errno
import json
import os
import secrets
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import PreTrainedModel

from sparring.learner.distributed.context import DistributedContext
from sparring.learner.distributed.pieces import WeightPiece, pieces
from sparring.learner.distributed.shards import full_tensor, is_tied
from sparring.policy.adapters import has_role_adapters, inner_model
from sparring.policy.saved import ADAPTER, quietly_saving

FILE_BYTES = 1 << 30
"""Largest size of a file of weights in bytes, unless a single tensor is larger. Two files are in
main memory at a time: one is being filled while the other is being written."""
_INDEX = "model.safetensors.index.json"


@torch.no_grad()
def export_weights(
    model: PreTrainedModel,
    tokenizer: Any,
    path: Path,
    dtype: torch.dtype,
    adapters: Sequence[str] | None = None,
    merged: bool = True,
    distributed: DistributedContext | None = None,
) -> None:
    """Save ``model`` with its configuration and tokenizer to ``path``, the weights as ``dtype``.

    For an adapted model, the active adapter or the ``adapters`` named are merged; without
    ``merged`` the base model is saved. All processes of ``distributed`` call this. Raises OSError
    in the first process if any process fails to write.
    """
    all_pieces = pieces(model, adapters, merged, twice=True)
    _save_model(
        model, all_pieces, tokenizer, path, dtype, distributed or DistributedContext(), untied=True
    )


@torch.no_grad()
def save_sharded(
    model: PreTrainedModel, tokenizer: Any, path: Path, distributed: DistributedContext
) -> None:
    """Save a sharded model in the form of `model.save_model`. All processes call this and write a
    share of the files."""
    names: list[str] = [str(name) for name in getattr(model, "peft_config", ())]
    for name in names:
        of_role = has_role_adapters(model)
        export_adapter(
            model, path / ADAPTER / name if of_role else path / ADAPTER, name, distributed
        )
    players = {path / name: [name] for name in names} if has_role_adapters(model) else {path: None}
    for place, adapters in players.items():
        all_pieces = pieces(model, adapters, merged=True, twice=False)
        _save_model(model, all_pieces, tokenizer, place, torch.float32, distributed, untied=False)


def _save_model(
    model: PreTrainedModel,
    all_pieces: Sequence[WeightPiece],
    tokenizer: Any,
    path: Path,
    dtype: torch.dtype,
    distributed: DistributedContext,
    untied: bool,
) -> None:
    failure = None
    if distributed.is_main:
        failure = _tried(path, lambda: _describe(model, tokenizer, path, dtype, untied))
    files = _filled(all_pieces, dtype)
    failures = _written(files, path, dtype, distributed)
    if distributed.is_main:
        failure = failure or _tried(path, lambda: _index(files, path, dtype))
        for why in (failure, *failures):
            if why is not None:
                raise OSError(why, os.strerror(why), str(path))


@torch.no_grad()
def export_adapter(
    model: PreTrainedModel, path: Path, adapter: str, distributed: DistributedContext | None = None
) -> None:
    """Save one LoRA adapter to ``path`` in the form that `peft` and servers load. All processes
    of ``distributed`` call this. Raises OSError in the first process."""
    distributed = distributed or DistributedContext()
    state = get_peft_model_state_dict(model, adapter_name=adapter, save_embedding_layers=False)
    tensors = {name: full_tensor(tensor.detach()) for name, tensor in state.items()}
    if not distributed.is_main:
        return

    def save() -> None:
        path.mkdir(parents=True, exist_ok=True)
        config = copy.copy(model.peft_config[adapter])
        config.inference_mode = True
        config.save_pretrained(str(path))
        cpu = {name: tensor.cpu().contiguous() for name, tensor in tensors.items()}
        save_file(cpu, path / "adapter_model.safetensors", metadata={"format": "pt"})

    if (why := _tried(path, save)) is not None:
        raise OSError(why, os.strerror(why), str(path))


def weights_size(model: PreTrainedModel, dtype: torch.dtype) -> int:
    """Return the bytes of tensors that `export_weights` writes."""
    all_pieces = pieces(model, None, merged=False, twice=True)
    return sum(piece.numbers for piece in all_pieces) * int(dtype.itemsize)


def _describe(
    model: PreTrainedModel, tokenizer: Any, path: Path, dtype: torch.dtype, untied: bool
) -> None:
    """Write configuration, generation configuration and tokenizer."""
    path.mkdir(parents=True, exist_ok=True)
    base = inner_model(model)
    config = copy.deepcopy(base.config)
    config.dtype = str(dtype).removeprefix("torch.")
    config.architectures = [type(base).__name__.removeprefix("FSDP")]
    if untied and is_tied(base):
        config.tie_word_embeddings = False
    config.save_pretrained(path)
    if base.can_generate():
        base.generation_config.save_pretrained(path)
    tokenizer.save_pretrained(path)


def _filled(all_pieces: Sequence[WeightPiece], dtype: torch.dtype) -> list[list[WeightPiece]]:
    """Divide the pieces, in their order, into files of at most `FILE_BYTES`."""
    files: list[list[WeightPiece]] = [[]]
    size = 0
    for piece in all_pieces:
        own = piece.numbers * dtype.itemsize
        if files[-1] and size + own > FILE_BYTES:
            files.append([])
            size = 0
        files[-1].append(piece)
        size += own
    return files


def _name(number: int, files: Sequence[object]) -> str:
    if len(files) == 1:
        return "model.safetensors"
    return f"model-{number + 1:05d}-of-{len(files):05d}.safetensors"


def _index(files: Sequence[list[WeightPiece]], path: Path, dtype: torch.dtype) -> None:
    """Write the index that maps tensors to files, if there are several files."""
    if len(files) == 1:
        return
    places = {
        name: _name(i, files) for i, file in enumerate(files) for piece in file
        for name in piece.shapes
    }  # fmt: skip
    size = sum(piece.numbers for file in files for piece in file) * dtype.itemsize
    index = {"metadata": {"total_size": size}, "weight_map": places}
    (path / _INDEX).write_text(json.dumps(index, indent=1), encoding="utf-8")


def _written(
    files: Sequence[list[WeightPiece]],
    path: Path,
    dtype: torch.dtype,
    distributed: DistributedContext,
) -> list[int | None]:
    """Write each file in one of the processes that see ``path``, in the background while the next
    file's tensors are gathered. Returns each process's error number, or None for a process without
    an error."""
    writers = _seeing(path, distributed)
    failure: int | None = None
    with ThreadPoolExecutor(1) as beside:
        pending: Future[int | None] | None = None
        for number, file in enumerate(files):
            keep = writers[number % len(writers)] == distributed.rank and failure is None
            tensors: dict[str, torch.Tensor] = {}
            for piece in file:  # gathering is collective: all processes make every piece
                tensors |= piece.make(dtype, keep)
            if keep:
                failure = failure or (pending.result() if pending else None)
                pending = beside.submit(_save, tensors, path / _name(number, files))
        failure = failure or (pending.result() if pending else None)
    return distributed.gather(failure)


def _save(tensors: dict[str, torch.Tensor], file: Path) -> int | None:
    """Write a file. Returns the number of the error if writing fails, else None."""
    apart: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():  # safetensors refuses two tensors that share memory
        again = tensor.data_ptr() in seen
        seen.add(tensor.data_ptr())
        apart[name] = tensor.clone() if again else tensor.contiguous()
    return _tried(file.parent, lambda: save_file(apart, file, metadata={"format": "pt"}))


def _tried(path: Path, write: Any) -> int | None:
    """Call ``write``. Returns the number of the error if it fails, else None."""
    try:
        with quietly_saving(path):
            write()
    except OSError as error:
        return error.errno or errno.EIO
    return None


def _seeing(path: Path, distributed: DistributedContext) -> list[int]:
    """Return the ranks of the processes that see the first process's ``path``; processes on other
    machines may not."""
    if distributed.alone:
        return [0]
    mark = path / f".{secrets.token_hex(8)}"
    if distributed.is_main:
        _tried(path.parent, lambda: mark.write_text("", encoding="utf-8"))
    name = distributed.broadcast(mark.name)
    seen = distributed.gather(distributed.is_main or (path / name).exists())
    if distributed.is_main:
        mark.unlink(missing_ok=True)
    return [rank for rank, sees in enumerate(seen) if sees]
