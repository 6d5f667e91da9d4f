"""sru-repro backends        which back ends of the recurrences there are, which one runs on which device, and why

Builds the fused ones where that can be done. SRU_REPRO_BACKEND=NAME chooses one; SRU_REPRO_KERNELS=folder keeps the
built kernels elsewhere; CXX="g++ ..." names the compiler, with arguments if need be; CXXFLAGS is not read.
"""

from collections.abc import Sequence

import torch

from .. import ops
from ..core.errors import ConfigError
from ..ops import build
from .options import Options


def run(args: Sequence[str]) -> int:
    """Prints a line a back end, the choice for each device, the libraries of the products, and the cache."""
    Options.parse(args)
    for name, what in ops.BACKENDS.items():
        usable, why = ops.available(name)
        print(f"{name:<10} {'yes' if usable else 'no':<4} {what}: {why}")
    print()
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        try:
            choice = ops.choose(device)
            print(f"on {device:<7} {choice.name}: {choice.why}")
        except ValueError as error:
            if ops.dispatch.asked_for() not in ops.BACKENDS:
                raise ConfigError(f"{ops.dispatch.VARIABLE}: {error}") from None
            print(f"on {device:<7} none: {error}")
    products = "; ".join(f"{kind} {library}" for kind, library in ops.products.chosen().items())
    print(f"products   {products} (float32 on the CPU, measured once on this machine)")
    print(f"kernels    {build.cache_folder()}")
    return 0
