"""Random streams that depend on a seed and a purpose, and on nothing else that happens in the process."""

import hashlib

import torch


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator of its own for one purpose, for example `generator(seed, "order", epoch)`.

    The purpose is hashed in, because two generators given the same plain seed would repeat one another's
    draws: word vectors would start with the very numbers that initialise the model.
    """
    name = "/".join(str(part) for part in (seed, *purpose))
    return torch.Generator().manual_seed(int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big"))
