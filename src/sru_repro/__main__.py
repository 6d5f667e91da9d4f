"""`python -m sru_repro` is the `sru-repro` command."""

from .cli import main

if __name__ == "__main__":
    main()
