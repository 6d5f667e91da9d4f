"""sru-repro train [key=value ...]        train one model on one task

    sru-repro train model=qrnn task=sst model.dropout=0.3 seed=7
    sru-repro train experiment=sst/sru2 profile=paper
    sru-repro train -m model=sru,lstm,qrnn seed=1,2,3

Hydra's own words work: -m, --cfg job, --info defaults, hydra.run.dir=..., shell completion.
"""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ..errors import RunError, SuiteError
from .compose import CONF, composed, one_line, resolve

INFORMATIVE = (
    "-h",
    "--help",
    "--hydra-help",
    "--version",
    "-c",
    "--cfg",
    "-i",
    "--info",
    "-sc",
    "--shell-completion",
)
SWEEPING = ("-m", "--multirun")


def run(words: Sequence[str]) -> int:
    """Trains, or whatever Hydra's flags ask for."""
    flags = {word.split("=")[0] for word in words if word.startswith("-")}
    if not flags & {*INFORMATIVE, *SWEEPING}:
        # Before Hydra makes the run's folder: a wrong key must leave nothing behind.
        composed([word for word in words if not word.startswith(("-", "hydra."))])
    failed: list[str] = []
    done: list[str] = []

    def member(config: DictConfig) -> None:
        folder = Path(HydraConfig.get().runtime.output_dir)
        overrides = list(HydraConfig.get().overrides.task)
        try:
            _train(config, folder, overrides)
            done.append(str(folder))
        except Exception as error:
            failed.append(" ".join(overrides))
            if not any(folder.iterdir()):
                os.removedirs(folder)
            if not flags & set(SWEEPING):
                raise
            kind = "" if isinstance(error, SuiteError) else f"{type(error).__name__}: "
            print(f"sru-repro: {' '.join(overrides)}: {kind}{error}", file=sys.stderr)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # we print Hydra's errors ourselves
    sys.argv = ["sru-repro train", *words]
    with one_line():
        hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")(member)()
    if failed:
        raise RunError(f"{len(failed)} of {len(failed) + len(done)} runs failed: {'; '.join(failed)}")
    return 0


def _train(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    checked = resolve(config)
    from ..training.interrupt import Interrupted
    from ..training.run import train  # imports Lightning: only now that the configuration is sound

    try:
        train(checked, folder, overrides, resume=bool(config.resume))
    except Interrupted as stop:
        if not (folder / "run.json").exists():
            shutil.rmtree(folder, ignore_errors=True)
        print(f"sru-repro: {stop}; go on with resume=true hydra.run.dir={folder}", file=sys.stderr)
        sys.exit(stop.status)
