"""sru-repro train [key=value ...]        train one model on one task

    sru-repro train model=qrnn task=sst model.dropout=0.3 seed=7
    sru-repro train experiment=sst/sru2 profile=paper
    sru-repro train -m model=sru,lstm,qrnn seed=1,2,3

Hydra's own arguments work: -m, --cfg job, --info defaults, hydra.run.dir=..., shell completion. --config-dir=FOLDER
adds a folder of your own to conf/: rows (experiment/NAME.yaml), models (model/NAME.yaml) and so on. A model's class
may lie outside the package: its file says where, `_class_: package.module.Class` (see `sru_repro.models`).
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ..core import layout
from ..core.errors import ConfigError, RunError, SuiteError
from .compose import composed, one_line, resolve

SWEEPING = ("-m", "--multirun")


def run(args: Sequence[str]) -> int:
    """Trains, or whatever Hydra's flags ask for."""
    sweeping = not set(args).isdisjoint(SWEEPING)
    if not any(arg.startswith("-") for arg in args):
        composed(args)  # before Hydra makes the run's folder: a wrong key must leave nothing behind
    failed: list[tuple[str, Exception]] = []
    done: list[Path] = []

    def member(config: DictConfig) -> None:
        folder = Path(HydraConfig.get().runtime.output_dir)
        overrides = list(HydraConfig.get().overrides.task)
        try:
            _train(config, folder, overrides)
            done.append(folder)
        except Exception as error:  # raised below: Hydra would add a line of its own, and end the sweep
            failed.append((" ".join(overrides), error))
            _remove_empty(folder)
            if sweeping:
                kind = "" if isinstance(error, SuiteError) else f"{type(error).__name__}: "
                print(f"sru-repro: {' '.join(overrides)}: {kind}{error}", file=sys.stderr)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # we print Hydra's errors ourselves
    sys.argv = ["sru-repro train", *args]
    try:
        with one_line():
            hydra.main(version_base="1.3", config_path=str(layout.conf_folder()), config_name="config")(
                member
            )()
    except BrokenPipeError:  # train --help | head
        raise
    except OSError as error:
        place = f"{error.filename}: expected a folder that can be made, found: {error.strerror}"
        raise ConfigError(f"{place}; name another by hydra.run.dir=") from None
    if failed and not sweeping:
        raise failed[0][1]
    if failed:
        names = "; ".join(name for name, _ in failed)
        raise RunError(f"{len(failed)} of {len(failed) + len(done)} runs failed: {names}")
    return 0


def _remove_empty(folder: Path) -> None:
    """Removes the folder that Hydra made for a run that never began, and empty ones around it in the working
    directory."""
    here = Path.cwd()
    around = [place for place in folder.parents if here in place.parents]
    for place in (folder, *around):
        if place == here or any(place.iterdir()):
            return
        place.rmdir()


def _train(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    checked = resolve(config)
    from ..core.interrupt import Interrupted
    from ..training.run import train

    try:
        train(checked, folder, overrides, resume=bool(config.resume))
    except Interrupted as stop:
        _remove_empty(folder)
        print(f"sru-repro: {stop}; go on with resume=true hydra.run.dir={folder}", file=sys.stderr)
        sys.exit(stop.status)
