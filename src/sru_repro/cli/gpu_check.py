"""sru-repro gpu-check [sections=correct,speed,...] [budget=SECONDS] [out=FOLDER] [device=cuda|cpu] [data_dir=data]
                    [rehearse=true] [fresh=true]
sru-repro gpu-check sections=table1|table2|ablation [rows=a,b] [seeds=1,2] [jobs=N] [seconds=N]
                    [mps=false] [...]
sru-repro gpu-check adopt=FOLDER

Proves and measures the suite on a CUDA machine, in twelve minutes or piece by piece. Sections, in order: correct,
speed, tune, steps, papers, train-sst, train-enwik8, train-squad. Each has a process and a share of the time, and leaves
a page in the folder `out` (results/cuda/GPU-DATE where none is named), piece by piece as it goes. Called again it goes
on where it stopped: pieces that the same code has done are left alone (fresh=true: done again). `sru-repro report`
makes results/cuda.md and its pictures of the pages that are committed there.

Sections table1 (SST), table2 (SQuAD) and ablation (SRU++ on enwik8) are carried out where they are named. They make
the runs of `reproduce profile=paper`, those first that tell most, jobs= of them side by side: by default as many as
cores and memory carry, of table2 and ablation one. Where NVIDIA's multi-process service is at hand they compute at the
same time (mps=false: they take turns). What each takes is predicted and compared; no run is begun that would not be
through. What finishes is kept in runs.json beside the page, at once; a later call, in whatever folder, makes what is
left, and `sru-repro report` enters the runs into the tables. seconds=N: so many seconds of training each instead of the
paper's budget (ablation: 420); such runs stay on the page.

rehearse=true runs every section in its smallest form, on the CPU too, so that nothing is found out on the GPU first;
its pages go to runs/gpu-check and are never published.

adopt=FOLDER measures nothing: what section `tune` found, FOLDER/tune.json, enters the table of launch configurations
that the CUDA back end looks into. That is src/sru_repro/ops/launch_configs.json of the checkout; or the file that
SRU_REPRO_LAUNCH_CONFIGS names, which works for what is installed too. Where nothing was measured a rule decides.

Data of the trainings: `sru-repro fetch task=sst` (squad, enwik8) first; what a training says is in
runs/gpu-check/SECTION/GROUP/ROW/log.txt. Without a network: scripts/pack_offline.sh.

Status: 0 all done; 1 a piece failed (the others ran all the same); 3 none failed, but time ran out: call again; 2 the
call cannot be carried out; 130, 143 interrupted.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from ..core.errors import ConfigError
from ..core.interrupt import signals
from .options import Names, Options, Switch, available_device, numbers, some_of, whole

STEERING = ("rows", "seeds", "jobs", "seconds", "mps")
"""Keys that steer a section which runs rows of a table."""


class CheckOptions(Options):
    """Which sections, for how long, where."""

    sections: Names | None = None
    budget: Annotated[int, whole(1, "seconds, a whole number")] | None = None
    out: str | None = Field(default=None, min_length=1)
    device: Literal["cpu", "cuda"] | None = None
    data_dir: str = Field(default="data", min_length=1)
    rehearse: Switch = False
    fresh: Switch = False
    rows: Names | None = None
    seeds: Annotated[list[int], numbers(0)] | None = None
    jobs: Annotated[int, whole(1)] | None = None
    seconds: Annotated[int, whole(1)] | None = None
    mps: Switch | None = None
    adopt: str | None = Field(default=None, min_length=1)


def run(args: Sequence[str]) -> int:
    """Carries out the sections, says what came of them."""
    given = CheckOptions.parse(args)
    if given.adopt is not None:
        return _adopt(Path(given.adopt), sorted(given.model_fields_set - {"adopt"}))
    rehearse = given.rehearse
    import torch

    from ..core import machine
    from ..gpu_check import SectionOptions
    from ..gpu_check.page import now
    from ..gpu_check.run import carry_out
    from ..gpu_check.section import UNFINISHED
    from ..records.gpu_manifest import BUDGET_S, SECTIONS, USUAL
    from .gpu_tables import require_table, table_runs

    names = some_of("sections", given.sections, SECTIONS) if given.sections else list(USUAL)
    require_table(names, [key for key in STEERING if key in given.model_fields_set])
    device = available_device(given.device, "device=cpu rehearse=true goes without")
    if device == "cpu" and not rehearse:
        raise ConfigError(
            "gpu-check: expected a CUDA GPU, found none; rehearse=true runs everything in its smallest form on the CPU"
        )
    budget_s = float(given.budget or max(BUDGET_S, *(SECTIONS[name].weight for name in names)))
    gpu = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    slug = "-".join("".join(c if c.isalnum() else " " for c in gpu.lower()).split())
    home = Path("runs/gpu-check") if rehearse else Path("results/cuda")
    out = Path(given.out or home / f"{slug}-{now()[:10]}")
    options = SectionOptions("", str(out), device, given.data_dir, rehearse=rehearse)
    steered = [getattr(given, key) for key in STEERING]
    tables = {
        name: table_runs(name, device, given.data_dir, rehearse, *steered)
        for name in names
        if SECTIONS[name].table
    }
    print(f"machine   {machine.hardware(device)['name']}")
    print(f"sections  {', '.join(names)}{' (a rehearsal)' if rehearse else ''}")
    print(f"pages     {out}")
    print(f"expected  {budget_s:.0f} s at most, and some for what is under way then", flush=True)
    with signals() as caught:
        caught.deferred = True  # the section in progress is ended first
        outcomes = carry_out(names, options, budget_s, caught, given.fresh, tables)
    for outcome in outcomes:
        counts = ", ".join(f"{number} {state}" for state, number in outcome.counts.items() if number)
        print(
            f"{outcome.section:<13} {outcome.state:<11} {outcome.seconds:5.0f} s  {counts or 'nothing recorded'}"
        )
    states = {outcome.state for outcome in outcomes}
    return 1 if "failed" in states else UNFINISHED if "unfinished" in states else 0


def _adopt(folder: Path, others: Sequence[str]) -> int:
    """Puts the launch configurations of a folder into the table; says into which."""
    if others:
        raise ConfigError(f"adopt: expected no other key beside it, found {', '.join(others)}")
    from ..gpu_check.adopt import adopt

    path, rows = adopt(folder)
    print(f"{path}: {rows} launch configurations of this GPU; where there is none, the rule decides")
    return 0
