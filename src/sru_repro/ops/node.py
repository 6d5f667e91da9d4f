"""The node of autograd that a layer is: product and recurrence forwards, and their gradients, see `layers.py`.

Shapes: L time, B batch, N inputs of the product, k matrices, D columns, H = k * D outputs of the product.
"""

from typing import Any

import torch
from torch import Tensor

from . import casts, direct, passes, products
from .cells import Maybe


class Layer(torch.autograd.Function):
    """h (L, B, D) and c_n (B, D)."""

    @staticmethod
    def forward(
        ctx: Any,
        call: tuple[Any, ...],
        x: Tensor,
        weight: Tensor,
        bias: Maybe,
        skip: Maybe,
        v: Maybe,
        b: Maybe,
        c0: Maybe,
    ) -> tuple[Tensor, Tensor]:
        """h (L, B, D) and c_n (B, D); keeps what backward needs.

        Args:
            ctx: autograd's.
            call: back end, type and libraries of the product, whether the highway's input is x, cell, matrices, mask,
                padding, tanh, skip_scale, bidirectional.
            x: what goes into the product, (L, B, N).
            weight: (H, N), gate-major.
            bias: (H,).
            skip: the highway's input, (L, B, D).
            v: peephole weights, (2, D) or (L, B, 2, D).
            b: (2, D).
            c0: (B, D).
        """
        backend, kind, libraries, same, cell, matrices, mask, padding, *options = call
        ctx.kinds = x.dtype, weight.dtype, None if bias is None else bias.dtype
        if same:
            skip = x
        x = x if x.dtype == kind else x.to(kind)
        weight = casts.cast(weight, kind)
        bias = None if bias is None else casts.cast(bias, kind)
        length, batch, _ = x.shape
        columns = weight.size(0) // matrices
        u = products.product(x, weight, bias, libraries[0]).view(length, batch, matrices, columns)
        rest = (mask, padding, *options, True)
        ctx.backend, (h, c_n, states) = passes.forward(backend, cell, u, skip, v, b, c0, *rest)
        ctx.save_for_backward(x, weight, u, skip, v, b, mask, padding, states)
        ctx.call = cell, options, libraries, same
        ctx.set_materialize_grads(False)
        return h, c_n

    @staticmethod
    def backward(ctx: Any, grad_h: Maybe, grad_c_n: Maybe) -> tuple[Maybe, ...]:
        """Gradients in the shapes of `forward`'s arguments, from those of h and c_n.

        Args:
            ctx: autograd's.
            grad_h: (L, B, D), or None for zeros.
            grad_c_n: (B, D), or None for zeros.
        """
        x, weight, *saved = ctx.saved_tensors
        cell, options, libraries, same = ctx.call
        of_x, of_weight, of_bias, of_skip, *of_rest = ctx.needs_input_grad[1:]
        kind_x, kind_weight, kind_bias = ctx.kinds
        needed = (of_x if same else of_skip, *of_rest)
        grad_u, grad_skip, *grads = direct.gradients(
            ctx.backend, grad_h, grad_c_n, cell, tuple(saved), options, needed
        )
        # Where a second derivative is asked for, these must be operators that autograd knows.
        recorded = torch.is_grad_enabled()
        by_input, by_weight = (products.PLAIN if recorded else libraries)[1:]
        grad_NH = grad_u.view(-1, weight.size(0))
        grad_x = grad_weight = grad_bias = None
        if of_x and grad_skip is not None and same and not recorded:
            grad_x, grad_skip = grad_skip, None
            if by_input == products.PLAIN[1] and grad_x.dtype == x.dtype:
                grad_x.view(-1, x.size(-1)).addmm_(grad_NH, weight)
            else:
                grad_x.add_(products.input_gradient(grad_NH, weight, by_input).view_as(x))
        elif of_x:
            grad_x = products.input_gradient(grad_NH, weight, by_input).view_as(x).to(kind_x)
            if grad_skip is not None and same:
                grad_x, grad_skip = grad_x + grad_skip, None
        if of_weight:
            grad_weight = products.weight_gradient(grad_NH, x.reshape(-1, x.size(-1)), by_weight)
            grad_weight = grad_weight if grad_weight.dtype == kind_weight else grad_weight.to(kind_weight)
        if of_bias:
            grad_bias = grad_NH.sum(0).to(kind_bias)
        return None, grad_x, grad_weight, grad_bias, grad_skip, *grads


layer = direct.applied(Layer)
"""`layer(call, x, weight, bias, skip, v, b, c0)`; `call` as `Layer.forward` takes it apart."""
