"""The process of one section: its options as JSON, its exit status that of `section.carry_out`."""

import ctypes
import json
import os
import signal
import sys

from ..core.errors import SuiteError
from ..core.interrupt import Interrupted
from .plan import SectionOptions
from .section import AGAIN, carry_out

if __name__ == "__main__":
    if sys.platform == "linux":  # ends with the process that began it, however that ends
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    try:
        status = carry_out(SectionOptions(**json.loads(sys.argv[1])))
        if status == AGAIN:  # what tidies up at the end could itself fail on a GPU that is of no use
            sys.stderr.flush()
            os._exit(status)
        sys.exit(status)
    except SuiteError as error:
        print(f"sru-repro: {error}", file=sys.stderr)
        sys.exit(error.status)
    except (Interrupted, KeyboardInterrupt) as stop:
        sys.exit(getattr(stop, "status", 130))
