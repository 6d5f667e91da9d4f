"""sru-repro train [key=value ...]        train one model on one task

    sru-repro train model=qrnn task=sst model.dropout=0.3 seed=7
    sru-repro train experiment=sst/sru2 profile=paper
    sru-repro train -m model=sru,lstm,qrnn seed=1,2,3 sweep=sweeps/first
    sru-repro train -m search=sst hydra.sweeper.n_trials=30 sweep=sweeps/tuned

A search draws its members by Optuna: 'optim.lr=tag(log, interval(1e-4,1e-2))' extends what conf/search/ names.
A sweep's members run by hydra/launcher=basic (one after the other), joblib (hydra.launcher.n_jobs=2 at a time),
submitit_local or submitit_slurm. Called again with the same sweep=FOLDER it does only what is missing.
Hydra's own arguments work, wherever they stand: -m, --cfg job, --info defaults, hydra.run.dir=... Values are taken as
the shell gives them: 'task.path=my texts (2)/a,b.txt' (under -m commas sweep; key='...' and [a,b] mean what they do in
Hydra). --key=value means key=value. TAB completes after `eval "$(sru-repro completion bash)"`, see `sru-repro
completion --help`.

--config-dir=FOLDER adds a folder of your own to conf/: rows (experiment/NAME.yaml), models (model/NAME.yaml) and so on.
A model's class may lie outside the package: its file says where, `_class_: package.module.Class` (see
`sru_repro.models`), or model._class_=package.module.Class does beside the settings of another.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ..core import layout
from ..core.errors import ConfigError, RunError, on_one_line
from ..core.files import remove_empty
from ..core.home import shown
from ..core.variables import forget_run_id
from . import completion
from .compose import one_line, resolve
from .flags import Flags, flags_of
from .plan import planned


def run(args: Sequence[str]) -> int:
    """Trains, or whatever Hydra's flags ask for."""
    flags = flags_of(args)
    if flags.completion:
        return completion.hydras(flags.words)
    words, config, total = planned(flags)
    if flags.sweeping and not flags.asking:
        forget_run_id("-m")
        from .sweep.run import sweep

        return sweep(flags, words, config, total, lambda words: _hydra(_unused, flags, words))
    failed: list[Exception] = []

    def one(config: DictConfig) -> None:
        folder = Path(HydraConfig.get().runtime.output_dir)
        try:
            _train(config, folder, list(HydraConfig.get().overrides.task))
        except Exception as error:  # raised below: Hydra would add a line of its own
            failed.append(error)
            remove_empty(folder)
            if see := _see(folder, error):
                error.args = (f"{error}{see}",)

    _hydra(one, flags, words)
    if failed:
        raise failed[0]
    return 0


def _hydra(task: Callable[[DictConfig], None], flags: Flags, words: Sequence[str]) -> None:
    """Starts Hydra with these words."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # we print Hydra's errors ourselves
    sys.argv = ["sru-repro train", *flags.hydra, *words]
    decorated = hydra.main(version_base="1.3", config_path=str(layout.conf_folder()), config_name="config")
    try:
        with one_line(words):
            decorated(task)()
    except BrokenPipeError:  # train --help | head
        raise
    except OSError as error:
        where = f"{error.filename}: expected a folder that can be made, found: {error.strerror}"
        raise ConfigError(f"{where}; name another by hydra.run.dir=") from None


def _unused(config: DictConfig) -> None:
    """What Hydra would call for a member, if its launcher were not ours."""
    raise AssertionError(config)


def _see(folder: Path, error: Exception) -> str:
    """Where the failure of a run that has begun can be looked into, unless that is said already."""
    if not isinstance(error, RunError):
        return ""
    log = shown(folder / "log.txt")
    told = on_one_line(log) in str(error) or not (folder / "log.txt").is_file()
    return _kept(folder) + ("" if told else f" (see {log})")


def _kept(folder: Path) -> str:
    """Where the run lies that was to be replaced."""
    from ..training.weights import ASIDE

    aside = folder / ASIDE
    return f"; the run before it lies whole in {shown(aside)}" if (aside / "run.json").is_file() else ""


def _train(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    checked = resolve(config)
    from ..core.interrupt import Interrupted
    from ..training.going_on import goes_on
    from ..training.run import train

    try:
        train(checked, folder, overrides, resume=bool(config.resume))
    except Interrupted as stop:
        remove_empty(folder)
        begun = goes_on(folder, checked.plain)
        then = f"go on with resume=true {_argument(folder)}" if begun else "nothing was begun"
        print(f"sru-repro: {stop}; {then}{_kept(folder)}", file=sys.stderr)
        sys.exit(stop.status)


def _argument(folder: Path) -> str:
    """The folder as an argument of `train`, for a shell."""
    home, _, below = shown(folder).partition("~/")
    if home or not below:
        return shlex.quote(f"hydra.run.dir={shown(folder)}")
    return f'hydra.run.dir="$HOME"/{shlex.quote(below)}'
