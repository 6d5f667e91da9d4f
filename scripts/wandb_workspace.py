"""Writes a project's saved workspace and the report "Ours beside the paper" to wandb.

    python scripts/wandb_workspace.py --entity USER [--project sru-repro] [--dry-run]

The workspace has a section each for quality, speed, optimisation, memory and media; quality is drawn over steps, tokens
and wall clock. The report holds the tables of results/ beside the curves of their runs. `--dry-run` prints both as
JSON and needs neither a login nor a network. Needs `pip install 'sru-repro[dashboards]'`.
"""

import argparse
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from sru_repro.core.errors import SuiteError, on_one_line

NAME = "Ours"
TITLE = "Ours beside the paper"
AXES = ("step", "tokens", "wall_s")
HEADLINES = {
    "sst": "val/accuracy",
    "squad": "val/f1",
    "enwik8": "val/bpc",
    "text": "val/bpc",
    "wikitext2": "val/ppl",
}
"""What the report draws beside the table of a task."""
CURVES = {
    "Quality": ("val/accuracy", "val/f1", "val/em", "val/bpc", "val/ppl", "val/loss", "train/loss"),
    "Speed": ("throughput/tokens_per_s", "throughput/step_ms", "throughput/data_fraction"),
    "Optimisation": ("optim/lr", "optim/grad_norm", "epoch", "optim/scale", "optim/skipped_steps"),
    "Memory": ("gpu/allocated_bytes", "gpu/peak_bytes"),
}
MEDIA = ("predictions", "confusion", "test_confusion", "sample", "gates", "attention")
_QUESTION = re.compile(r"^\*\*(.+)\*\*$", re.MULTILINE)
_TABLE = re.compile(r"^(?:\|.*\n)+(?:\n≈.*\n)?", re.MULTILINE)
"""The first of a page is the one that answers; the others are folded away."""


def workspace(entity: str, project: str) -> Any:
    """The saved view."""
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws

    sections = []
    for title, keys in CURVES.items():
        axes = AXES if title == "Quality" else AXES[:1]
        panels: list[Any] = [wr.LinePlot(title=f"{key} over {x}", x=x, y=[key]) for key in keys for x in axes]
        if title == "Memory":
            panels.append(wr.BarPlot(title="resident memory, bytes", metrics=["peak_bytes"]))
        sections.append(ws.Section(name=title, panels=panels, is_open=title == "Quality"))
    media = [wr.MediaBrowser(title=name.replace("_", " "), media_keys=[f"media/{name}"]) for name in MEDIA]
    sections.append(ws.Section(name="Media", panels=media))
    return ws.Workspace(
        entity=entity,
        project=project,
        name=NAME,
        sections=sections,
        settings=ws.WorkspaceSettings(x_axis=AXES[0]),
    )


def report(entity: str, project: str, results: Path) -> Any:
    """The report: of each task its table, as it is committed, and the curves of its runs."""
    import wandb_workspaces.reports.v2 as wr

    blocks: list[Any] = [wr.TableOfContents()]
    for task, key in HEADLINES.items():
        path = results / f"{task}.md"
        if not path.is_file():
            continue
        blocks.append(wr.H1(task))
        page = path.read_text(encoding="utf-8")
        if question := _QUESTION.search(page):
            blocks.append(wr.H2(question[1]))
        if table := _TABLE.search(page):
            blocks.append(wr.MarkdownBlock(table[0]))
        # Without a project of its own it is the report's, and nobody has to be asked for its number.
        runs = wr.Runset(name=task, filters=f"Config('task.name') = '{task}'")
        panels: list[Any] = [wr.LinePlot(title=f"{key} over {x}", x=x, y=[key]) for x in AXES]
        blocks.append(wr.PanelGrid(runsets=[runs], panels=panels))
    if len(blocks) == 1:
        raise SuiteError(
            f"{results}: expected tables of results such as sst.md, found none; --results names the folder"
        )
    return wr.Report(entity=entity, project=project, title=TITLE, blocks=blocks, width="fluid")


def main(args: list[str] | None = None) -> int:
    """Writes or prints both; the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entity", default=os.environ.get("WANDB_ENTITY", ""), help="user or team")
    parser.add_argument("--project", default=os.environ.get("WANDB_PROJECT") or "sru-repro")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder of the tables")
    parser.add_argument("--dry-run", action="store_true", help="print what would be written")
    options = parser.parse_args(args)
    os.environ.setdefault("WANDB_SILENT", "true")  # what it has to say comes with its errors
    try:
        if not (options.entity or options.dry_run):
            raise SuiteError("--entity: expected the user or team that the project belongs to, found none")
        try:
            entity = options.entity or "ENTITY"
            both = workspace(entity, options.project), report(entity, options.project, options.results)
        except ImportError as error:
            raise SuiteError(f"{error.name}: not installed; pip install 'sru-repro[dashboards]'") from None
        if options.dry_run:
            print(
                json.dumps(
                    [made._to_model().model_dump(by_alias=True, mode="json") for made in both], indent=1
                )
            )
            return 0
        for made in both:
            print(_saved(made).url)
    except SuiteError as error:
        print(f"wandb_workspace: {on_one_line(str(error))}", file=sys.stderr)
        return 1
    return 0


def _saved(made: Any) -> Any:
    import wandb

    try:
        known = wandb.login(prompt=False)
        found = made.save() if known else None
    except Exception as error:  # of a network, a server, or a project that there is not
        raise SuiteError(f"wandb: nothing was written ({type(error).__name__}: {error})") from None
    if not known:
        raise SuiteError(
            "wandb: expected a login, found none; `wandb login`, or --dry-run prints what would be written"
        )
    return found


if __name__ == "__main__":
    sys.exit(main())
