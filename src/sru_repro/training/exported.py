"""A model that was taken out of its run: a folder with a record, weights, words and a card, and no checkpoint.

run.json             the record, with the figures of this very model
model.safetensors    weights; a table T may stand there as T.codes (int8), T.axes and T.mean: T = codes axes + mean
words.json           what the task keeps beside its weights: words and classes
README.md            the card
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor

from ..core.errors import DataError
from ..records.base import first_problem
from ..records.exported import AGAIN, EXTRA, MODEL, Exported, Extra


def checksum(content: bytes) -> str:
    """SHA-256, hexadecimal."""
    return sha256(content).hexdigest()


def tensor_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The safetensors file of these tensors, the same bytes for the same tensors. Those that share memory are written
    one by one."""
    from safetensors.torch import save

    apart = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    return save(apart, {"format": "pt"})


def tensors_of(content: bytes, path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by their names.

    Raises:
        DataError: it is cut, no such file, or its header contradicts itself; `path` names it.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except SafetensorError as error:
        problem = f"{' '.join(str(error).split()):.80}"
        raise DataError(
            f"{path}: expected tensors in the format safetensors, found a cut or damaged file ({problem}); {AGAIN}"
        ) from None


def exported_weights(folder: Path, exported: Exported) -> dict[str, Any]:
    """The state of the task of an exported model, in float32.

    Raises:
        DataError: a file is missing, damaged, or not the one that the record tells of.
    """
    content = {name: _checked(folder / name, exported.files.get(name)) for name in (MODEL, EXTRA)}
    tensors = tensors_of(content[MODEL], folder / MODEL)
    try:
        weights = whole_weights(tensors)
    except (KeyError, RuntimeError) as error:
        problem = f"{' '.join(str(error).split()):.80}"
        raise DataError(
            f"{folder / MODEL}: expected tables as codes, axes and mean, found others ({problem}); {AGAIN}"
        ) from None
    return {**weights, "_extra_state": extra_of(content[EXTRA], folder / EXTRA)}


def extra_of(content: bytes, path: Path) -> dict[str, Any]:
    """What words.json holds: `words` and `classes`.

    Raises:
        DataError: it holds anything else; `path` names it.
    """
    found: object = None
    try:
        found = json.loads(content.decode())
        return Extra.model_validate(found).plain()
    except ValidationError as error:
        problem = "" if isinstance(found, dict) else f"expected a mapping, found {type(found).__name__}"
        problem = problem or first_problem(error, found)
    except (ValueError, RecursionError) as error:  # no UTF-8, no JSON, or nested without end
        problem = f"expected JSON, found {' '.join(str(error).split()):.80}"
    raise DataError(f"{path}: {problem}; {AGAIN}") from None


def whole_weights(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """The weights that the tensors of a file stand for, in float32."""
    weights: dict[str, Any] = {}
    for name, tensor in tensors.items():
        table, _, part = name.rpartition(".")
        if part == "codes":
            axes, mean = tensors[f"{table}.axes"].float(), tensors[f"{table}.mean"].float()
            weights[table] = tensor.float() @ axes + mean
        elif f"{table}.codes" not in tensors:
            weights[name] = tensor.float() if tensor.is_floating_point() else tensor
    return weights


def _checked(path: Path, expected: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: expected a part of an exported model, found none ({error.strerror}); {AGAIN}"
        ) from None
    if (found := checksum(content)) != expected:
        raise DataError(
            f"{path}: expected the file whose SHA-256 in run.json begins with {expected!s:.12}, found {found:.12} "
            f"({len(content):,} bytes); {AGAIN}"
        )
    return content
