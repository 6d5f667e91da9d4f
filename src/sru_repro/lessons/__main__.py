"""`python -m sru_repro.lessons [notebooks/NAME.ipynb ...]`: runs the notebooks and writes their outputs into them."""

import sys
from pathlib import Path

from ..core.errors import SuiteError
from .executed import refresh


def main(words: list[str]) -> int:
    """Names what has changed."""
    places = [Path(word) for word in words] or sorted(Path("notebooks").glob("*.ipynb"))
    if not places:
        print(
            "NOTEBOOK: expected notebooks/NAME.ipynb, found none here; call it beside notebooks/",
            file=sys.stderr,
        )
        return 2
    try:
        changed = refresh(places)
    except SuiteError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"changed: {', '.join(map(str, changed))}" if changed else "nothing has changed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
