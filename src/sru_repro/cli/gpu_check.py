"""sru-repro gpu-check [sections=correct,speed,...] [budget=SECONDS] [out=FOLDER] [device=cuda|cpu] [data_dir=data]
                    [rehearse=true] [fresh=true]

Proves and measures the suite on a CUDA machine, in ten minutes or piece by piece. Sections, in order: correct, speed,
tune, train-sst, train-enwik8, train-squad. Each has a process and a share of the time, and leaves a page in the folder
`out` (results/cuda/CARD-DATE where none is named), piece by piece as it goes. Called again it goes on where it stopped:
pieces that the same code has done are left alone (fresh=true: done again). `sru-repro report` makes results/cuda.md
and its pictures of the pages that are committed there.

rehearse=true runs every section in its smallest form, on the CPU too, so that nothing is found out on the card first;
its pages go to runs/gpu-check and are never published.

Data of the trainings: `sru-repro fetch task=sst` (squad, enwik8) first; what a training says is in
runs/gpu-check/SECTION/GROUP/ROW/log.txt. Without a network: scripts/pack_offline.sh.

Status: 0 all done; 1 a piece failed (the others ran all the same); 3 none failed, but time ran out: call again; 2 the
call cannot be carried out; 130, 143 interrupted.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

from ..core.errors import ConfigError
from ..core.interrupt import signals
from .words import only

KEYS = ("sections", "budget", "out", "device", "data_dir", "rehearse", "fresh")


def run(words: Sequence[str]) -> int:
    """Carries out the sections, says what came of them."""
    found, _ = only(words, KEYS)
    rehearse, fresh = (_yes(key, found.get(key)) for key in ("rehearse", "fresh"))
    import torch

    from ..core import machine
    from ..gpu_check import SECTIONS, Options
    from ..gpu_check import run as ledger
    from ..gpu_check.page import now
    from ..gpu_check.plan import BUDGET_S
    from ..gpu_check.section import UNFINISHED

    names = found.get("sections", "").split(",") if found.get("sections") else list(SECTIONS)
    for name in names:
        if name not in SECTIONS:
            raise ConfigError(f"sections: expected some of {', '.join(SECTIONS)}, found {name!r}")
    names = [name for name in SECTIONS if name in names]
    device = found.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    if device not in ("cuda", "cpu"):
        raise ConfigError(f"device: expected cuda or cpu, found {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device=cuda: expected a CUDA card, found none; device=cpu rehearse=true goes without"
        )
    if device == "cpu" and not rehearse:
        raise ConfigError(
            "gpu-check: expected a CUDA card, found none; rehearse=true runs everything in its smallest form on the CPU"
        )
    budget_s = _seconds(found.get("budget")) or BUDGET_S
    card = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    slug = "-".join("".join(c if c.isalnum() else " " for c in card.lower()).split())
    home = Path("runs/gpu-check") if rehearse else Path("results/cuda")
    out = Path(found.get("out") or home / f"{slug}-{now()[:10]}")
    options = Options("", str(out), device, found.get("data_dir") or "data", rehearse=rehearse)
    print(f"machine   {machine.hardware(device)['name']}")
    print(f"sections  {', '.join(names)}{' (a rehearsal)' if rehearse else ''}")
    print(f"pages     {out}")
    print(f"expected  {budget_s:.0f} s at most, and some for what is under way then", flush=True)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # a line that drops; not under nohup
        signal.signal(signal.SIGHUP, lambda *_: signal.raise_signal(signal.SIGTERM))
    with signals() as caught:
        caught.deferred = True  # the section in progress is ended first
        outcomes = ledger.carry_out(names, options, budget_s, caught, fresh)
    for outcome in outcomes:
        counts = ", ".join(f"{number} {state}" for state, number in outcome.counts.items() if number)
        print(
            f"{outcome.section:<13} {outcome.state:<11} {outcome.seconds:5.0f} s  {counts or 'nothing recorded'}"
        )
    states = {outcome.state for outcome in outcomes}
    return 1 if "failed" in states else UNFINISHED if "unfinished" in states else 0


def _yes(key: str, text: str | None) -> bool:
    if text not in (None, "true", "false"):
        raise ConfigError(f"{key}: expected true or false, found {text!r}")
    return text == "true"


def _seconds(text: str | None) -> float | None:
    if not text:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"budget: expected seconds, a whole number from 1 on, found {text!r}")
    return float(text)
