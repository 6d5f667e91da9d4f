"""Transformer-XL's relative shift (Dai et al., ACL 2019, appendix B).

Scores by distance and scores by key are the same numbers, laid out differently.

Shapes: c neighbouring queries, W keys, N distances that fall by one from column to column.
"""

from torch import Tensor


def by_key(score: Tensor, keys: int) -> Tensor:
    """From scores by distance (..., c, N) to scores by key (..., c, W), as a view.

    Columns stand for falling distances. The last row begins with the first; each row starts one column further left
    than the row before, which is a step of N - 1 through the rows laid end to end. A key further ahead than N has
    distances for gets what the next row begins with, and must not be seen.

    Args:
        score: (..., c, N).
        keys: W.
    """
    length, distances = score.shape[-2:]
    flat = score.flatten(-2)[..., length - 1 :]
    return flat.as_strided((*score.shape[:-1], keys), (*flat.stride()[:-1], distances - 1, 1))


def from_key(of_score: Tensor, distances: int, causal: bool) -> Tensor:
    """The gradient of `by_key`'s input, (..., c, N), from that of its output.

    Args:
        of_score: (..., c, W); 0 at keys that are not seen.
        distances: N.
        causal: whether no query sees a key after its own step.
    """
    *outer, length, keys = of_score.shape
    found = of_score.new_empty(*outer, length, distances)
    flat = found.flatten(-2)
    # With W distances the rows of a causal block cover each other's ends, but for the corner before the first.
    (flat[..., : length - 1] if causal else flat).zero_()
    if length > 1:
        most = min(keys, distances - 1)
        shifted = flat[..., length - 1 : length - 1 + (length - 1) * (distances - 1)]
        shifted.unflatten(-1, (length - 1, distances - 1))[..., :most] = of_score[..., :-1, :most]
    found[..., -1, :keys] = of_score[..., -1, :]
    return found
