"""Pages of `sru-repro gpu-check` to results/cuda.md."""
