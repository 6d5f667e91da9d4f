"""Weights of the authors' `sru` package (2.x and 3.0.0.dev6) in this suite's layout.

Theirs is (inputs, directions, features, matrices), the matrices interleaved; ours is gate-major,
(matrices, directions, features, inputs), so that U is read and written in whole lines.
"""

import re
from collections.abc import Callable

from torch import Tensor, nn

from ._sru_layer import ElementwiseLayer

KNOWN = r"weight(_proj|_c)?|bias|scale_x|layer_norm\.(weight|bias)|transform_module\..*"
"""What a layer of theirs may hold; weight normalisation and modules of the user's own are not among it."""

OTHER_MEMORY = (
    'layer_norm="pre": the memory of attention keeps what the norm gives, the authors\' keeps inputs that their norm '
    "has not seen: the first segment comes out as theirs, later ones do not (of random weights, outputs of up to 3 "
    "differed by up to 0.2)"
)
"""What whoever loads a pre-norm SRU++ with a memory is told. Theirs has no counterpart here: with it, what a step sees
in evaluation would depend on where the text was cut."""


def convert(state_dict: dict[str, Tensor], sru: nn.Module) -> dict[str, Tensor]:
    """A state dict for `sru`, an `SRU`, from one of the authors' module, in its names and shapes.

    Args:
        state_dict: their weights, by their names and in their shapes.
        sru: the model that is to take them.

    Raises:
        ValueError: the weights belong to a module with other options; the line says which and what to set.
    """
    layers = {int(key.split(".")[1]) for key in state_dict if key.startswith("rnn_lst.")}
    ours = len(_layers_of(sru))
    if len(layers) != ours:
        raise ValueError(f"num_layers: the weights have {len(layers)}, this model has {ours}")
    strange = [key for key in state_dict if not key.startswith("rnn_lst.")]
    if strange:
        raise ValueError(f"{strange[0]}: this option of the authors' package has no counterpart here")
    return _fitting(_by_layer(state_dict, sru, _sru_layer), sru)


def convert_srupp(state_dict: dict[str, Tensor], srupp: nn.Module) -> dict[str, Tensor]:
    """A state dict for `srupp`, an `SRUpp`, from one of the authors' `SRUpp` (3.0.0.dev6), in its names and shapes.

    Args:
        state_dict: their weights, by their names and in their shapes.
        srupp: the model that is to take them.

    Raises:
        ValueError: the weights belong to a module with other options; the line says which.
    """
    result = _by_layer(state_dict, srupp, _srupp_layer)
    known = tuple(f"rnn_lst.{i}." for i in range(len(_layers_of(srupp))))
    strange = [key for key in state_dict if not key.startswith(known)]
    if strange:
        raise ValueError(
            f"{strange[0]}: this model has no counterpart of it (num_layers or an option differs)"
        )
    _fitting(result, srupp)
    unknown = result.keys() - srupp.state_dict().keys()
    if unknown:
        raise ValueError(f"{min(unknown)}: the weights have it, this model's options do not")
    return result


def _layers_of(model: nn.Module) -> list[ElementwiseLayer]:
    return [layer for layer in model.modules() if isinstance(layer, ElementwiseLayer)]


def _by_layer(
    state_dict: dict[str, Tensor],
    model: nn.Module,
    convert_layer: Callable[[dict[str, Tensor], ElementwiseLayer, str], dict[str, Tensor]],
) -> dict[str, Tensor]:
    """Every layer's weights in this suite's layout, by their names in the whole model."""
    result: dict[str, Tensor] = {}
    for i, layer in enumerate(_layers_of(model)):
        prefix = f"rnn_lst.{i}."
        theirs = {key[len(prefix) :]: value for key, value in state_dict.items() if key.startswith(prefix)}
        converted = convert_layer(theirs, layer, f"layer {i}")
        result |= {f"layers.{i}.{key}": value for key, value in converted.items()}
    return result


def _fitting(result: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """The result, whose sizes are those of the model.

    Raises:
        ValueError: they are not.
    """
    for key, value in model.state_dict().items():
        found = tuple(result[key].shape) if key in result else None
        if tuple(value.shape) != found:
            raise ValueError(
                f"{key}: this model's options make it {tuple(value.shape)}, the weights' {found}"
            )
    return result


_SRUPP = {
    "transform_module.linear1.weight": "projection",
    "transform_module.alpha": "attention_scale",
    "transform_module.layer_norm.weight": "attention_norm.weight",
    "transform_module.layer_norm.bias": "attention_norm.bias",
    "layer_norm.weight": "layer_norm.weight",
    "layer_norm.bias": "layer_norm.bias",
}


def _srupp_layer(theirs: dict[str, Tensor], ours: ElementwiseLayer, where: str) -> dict[str, Tensor]:
    """With attention linear2 makes keys and values and linear3 U; without it linear2 makes U.

    Raises:
        ValueError: the weights are of another kind of layer, or of other options.
    """
    if not {"weight_c", "bias", "scale_x", "transform_module.linear2.weight"} <= theirs.keys():
        raise ValueError(f"{where}: expected a layer of SRUpp, found {sorted(theirs) or 'nothing'}")
    result = {_SRUPP[key]: value for key, value in theirs.items() if key in _SRUPP}
    linear2, linear3 = (theirs.get(f"transform_module.linear{i}.weight") for i in (2, 3))
    if (linear3 is not None) != ("keys_values" in ours.state_dict()):
        raise ValueError(
            f"{where}: the weights attend {'here' if linear3 is not None else 'not here'}, this model's do the "
            "opposite (set attention_every, attention_last)"
        )
    outer = linear2 if linear3 is None else linear3
    assert linear2 is not None and outer is not None
    if linear3 is not None:
        result["keys_values"] = linear2
    size = ours.columns // (2 if ours.bidirectional else 1)
    if outer.size(0) != ours.matrices * ours.columns:
        raise ValueError(
            f"{where}: expected {ours.matrices} matrices of {ours.columns} columns, found {outer.size(0)} rows"
        )
    result["weight"] = _gate_major(outer, size, ours.matrices)
    _check_scale(theirs, ours, where)
    return result | {"weight_c": theirs["weight_c"].view(2, -1), "bias": theirs["bias"].view(2, -1)}


def _gate_major(weight: Tensor, size: int, matrices: int) -> Tensor:
    """(directions, features, matrices, inputs) to (matrices, directions, features, inputs), both as (rows, inputs)."""
    return weight.view(-1, size, matrices, weight.size(1)).permute(2, 0, 1, 3).reshape(weight.shape)


def _check_scale(theirs: dict[str, Tensor], ours: ElementwiseLayer, where: str) -> None:
    scale = theirs["scale_x"].item()
    if ours.matrices == 3 and ours.has_skip_term and abs(scale - ours.alpha) > 1e-4:
        raise ValueError(
            f"{where}: alpha: the weights have {scale:.4f}, this model {ours.alpha:.4f} "
            "(set rescale, highway_bias)"
        )


def _sru_layer(theirs: dict[str, Tensor], ours: ElementwiseLayer, where: str) -> dict[str, Tensor]:
    strange = [key for key in theirs if not re.fullmatch(KNOWN, key)]
    if strange:
        raise ValueError(
            f"{where}: {strange[0]}: this option of the authors' package has no counterpart here"
        )
    missing = {"weight_c", "bias", "scale_x"} - theirs.keys()
    if missing:
        raise ValueError(f"{where}: {min(missing)}: missing in the weights")
    first, second = _products(theirs, where)
    size = ours.columns // (2 if ours.bidirectional else 1)
    matrices = second.size(0) // ours.columns
    if second.size(0) != ours.matrices * ours.columns:
        raise ValueError(
            f"{where}: expected {ours.matrices} matrices of {ours.columns} columns, found {second.size(0)} "
            "rows (hidden_size, bidirectional or has_skip_term differ)"
        )
    factorised = "projection" in ours.state_dict()
    if first is not None and not factorised:
        second, first = second @ first, None  # the same map in one matrix
    if (first is not None) != factorised:
        raise ValueError(f"{where}: projection_size: the weights are not factorised, this model is")
    result = {"weight": _gate_major(second, size, matrices), "bias": theirs["bias"].view(2, -1)}
    if first is not None:
        result["projection"] = first
    if ours.weight_c is not None:
        result["weight_c"] = theirs["weight_c"].view(2, -1)
    elif theirs["weight_c"].abs().max() > 0:
        raise ValueError(f"{where}: v1: the weights use c in the gates, this model was built with v1=True")
    _check_scale(theirs, ours, where)
    for name in ("weight", "bias"):
        key = f"layer_norm.{name}"
        if (key in theirs) != (ours.layer_norm is not None):
            raise ValueError(f"{where}: layer_norm: the weights have {'one' if key in theirs else 'none'}")
        if key in theirs:
            result[key] = theirs[key]
    return result


def _products(theirs: dict[str, Tensor], where: str) -> tuple[Tensor | None, Tensor]:
    """The inner (or None) and the outer matrix of a layer's product, as (outputs, inputs).

    Raises:
        ValueError: there are more, or they are no bias-free linear maps.
    """
    if "weight" in theirs:  # 2.x: matrices are (inputs, outputs)
        inner = theirs.get("weight_proj")
        return (None if inner is None else inner.t()), theirs["weight"].t()
    linears = [theirs[key] for key in sorted(theirs) if key.startswith("transform_module.")]
    if not 1 <= len(linears) <= 2 or any(not isinstance(w, Tensor) or w.dim() != 2 for w in linears):
        raise ValueError(f"{where}: transform_module: expected one or two bias-free linear maps")
    return (linears[0] if len(linears) == 2 else None), linears[-1]
