"""Data sets: one file per data set (find or fetch, check, tokenise) and one per way of batching.

Tensor names end in their axes: L time, B batch, V vocabulary, D features.
"""
