"""sru-repro train [key=value ...]        train one model on one task

    sru-repro train model=qrnn task=sst model.dropout=0.3 seed=7
    sru-repro train experiment=sst/sru2 profile=paper
    sru-repro train -m model=sru,lstm,qrnn seed=1,2,3

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
from collections.abc import Sequence
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from ..core import layout
from ..core.errors import ConfigError, RunError, SuiteError, on_one_line
from ..core.home import shown, without_home
from . import completion
from .compose import one_line, resolve
from .flags import flags_of
from .plan import planned


def run(args: Sequence[str]) -> int:
    """Trains, or whatever Hydra's flags ask for."""
    flags = flags_of(args)
    if flags.completion:
        return completion.hydras(flags.words)
    sweeping = flags.sweeping
    words, _ = planned(flags)
    failed: list[tuple[str, Exception]] = []
    done: list[Path] = []
    begun: dict[Path, bool] = {}  # by the sweep's folder: whether a member has left one of its own

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
                place = Path(HydraConfig.get().sweep.dir)
                begun[place] = begun.get(place, bool(done)) or folder.exists()
                kind = "" if isinstance(error, SuiteError) else f"{type(error).__name__}: "
                why = on_one_line(f"{' '.join(overrides)}: {kind}{error}")
                print(without_home(f"sru-repro: {why}{_see(folder, error)}"), file=sys.stderr)
            elif see := _see(folder, error):
                error.args = (f"{error}{see}",)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # we print Hydra's errors ourselves
    sys.argv = ["sru-repro train", *flags.hydra, *words]
    try:
        with one_line(words):
            hydra.main(version_base="1.3", config_path=str(layout.conf_folder()), config_name="config")(
                member
            )()
    except BrokenPipeError:  # train --help | head
        raise
    except OSError as error:
        where = f"{error.filename}: expected a folder that can be made, found: {error.strerror}"
        raise ConfigError(f"{where}; name another by hydra.run.dir=") from None
    for place, any_member in begun.items():
        if not any_member and not done:  # what Hydra noted down of a sweep that never began
            (place / "multirun.yaml").unlink(missing_ok=True)
            _remove_empty(place)
    if failed and not sweeping:
        raise failed[0][1]
    if failed:
        names = "; ".join(name for name, _ in failed)
        raise RunError(f"{len(failed)} of {len(failed) + len(done)} runs failed: {names}")
    return 0


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


def _remove_empty(folder: Path) -> None:
    """Removes the folder that Hydra made for a run that never began, and empty ones around it in the working
    directory."""
    here = Path.cwd()
    around = [place for place in folder.absolute().parents if here in place.parents]
    for place in (folder.absolute(), *around):
        if place == here or place.is_symlink() or not place.is_dir() or any(place.iterdir()):
            return
        place.rmdir()


def _train(config: DictConfig, folder: Path, overrides: list[str]) -> None:
    checked = resolve(config)
    from ..core.interrupt import Interrupted
    from ..training.going_on import goes_on
    from ..training.run import train

    try:
        train(checked, folder, overrides, resume=bool(config.resume))
    except Interrupted as stop:
        _remove_empty(folder)
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
