"""What wandb is told of a run: by the configuration, and by the variables that its user has set, which go first."""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from ...core.dashboard_places import ELSEWHERE
from ...core.errors import ConfigError
from ...core.home import without_home
from ...records.run import RunRecord
from ..config import RunConfig, WandbConfig
from .described import group, sweep, title

PROJECT = "sru-repro"
"""What conf/logger/wandb.yaml says: WANDB_PROJECT holds where nobody changed it."""
BY_VARIABLE = {
    "dir": ELSEWHERE,
    "name": ("WANDB_NAME", "WANDB_RUN_NAME"),
    "group": ("WANDB_RUN_GROUP",),
    "job_type": ("WANDB_JOB_TYPE", "WANDB_RUN_JOB_TYPE"),
    "notes": ("WANDB_NOTES", "WANDB_RUN_NOTES"),
    "resume": ("WANDB_RESUME",),
}
"""Arguments of wandb.init that are left to the user's variables where one of them is set."""
OTHERS = frozenset(
    {"WANDB_DISABLED", "WANDB_WATCH", "WANDB_LOG_MODEL", "WANDB_START_METHOD", "WANDB_SERVICE"}
)
"""Names of other packages and of wandb's past, which are no misspelling of another."""
QUIET = {
    "silent": True,
    "console": "off",
    "reinit": "create_new",  # neither take over nor end a run that the caller has under way
    "disable_git": True,  # machine, user, paths and packages: run.json has what a number depends on,
    "disable_code": True,  # and a home folder's name is nobody's business
    "save_code": False,
    "program": "",
    "host": "-",
    "email": "",
    "username": "",
    "x_disable_meta": True,
    "x_disable_machine_info": True,
    "x_save_requirements": False,
    "x_log_level": 30,
    "finish_timeout": 8.0,
}


def require_wandb(config: RunConfig) -> None:
    """Looks at the variables that are meant for wandb, before anything is begun.

    Raises:
        ConfigError: wandb refuses the value of one, or nothing can be written there; or it does not know its name,
        which is nearly that of another.
    """
    told = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    if not isinstance(config.logger, WandbConfig) or not told:
        return
    try:
        import wandb
        from wandb import env
    except ImportError:
        return
    fields = getattr(wandb.Settings, "model_fields", {})
    known = {value for value in vars(env).values() if isinstance(value, str)} | OTHERS
    for name in fields:  # of x_name both WANDB_X_NAME and WANDB__NAME
        known |= {f"WANDB_{name.upper()}", f"WANDB_{name.removeprefix('x').upper()}"}
    for name, value in told.items():
        meant = _meant(name, known)
        if meant:
            raise ConfigError(f"{name}: wandb knows no such variable; did you mean {meant}?")
        _require_value(wandb, name, value)
    if wanted_mode(config.logger, os.environ) is not None:
        for name in BY_VARIABLE["dir"]:
            _require_folder(name, told.get(name))


def _meant(name: str, known: set[str]) -> str | None:
    """The name that an unknown one is nearly the same as."""
    if name in known or not known - OTHERS:
        return None
    for part in ("RUN_", "X_"):
        if (whole := name.replace("WANDB_", f"WANDB_{part}", 1)) in known:
            return whole
    return next(iter(get_close_matches(name, sorted(known), 1, 0.88)), None)


def _require_value(wandb: Any, name: str, value: str) -> None:
    """Has wandb's own settings look at one variable."""
    update = getattr(wandb.Settings, "update_from_env_vars", None)
    if update is None:
        return
    settings = wandb.Settings()
    try:
        update(settings, {name: value})
    except Exception as error:  # pydantic's, or wandb's own
        errors = getattr(error, "errors", None)
        words = errors()[0]["msg"] if callable(errors) else str(error)
        words = words.strip().splitlines()[0].removeprefix("Value error, ").removeprefix("Input should be ")
        found = "" if "KEY" in name else f", found {value!r}"
        raise ConfigError(f"{name}: expected what wandb takes ({words}){found}; mend or unset it") from None


def _require_folder(name: str, value: str | None) -> None:
    """Has a file written where wandb is to write: it would take a temporary folder without a word."""
    if not value:
        return
    place = Path(value).expanduser()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise ConfigError(
            f"{name}: expected a folder that can be written, found {value!r}: {error.strerror}; mend or unset it"
        ) from None


def wanted_mode(config: WandbConfig, environment: Mapping[str, str]) -> str | None:
    """The mode for wandb.init: "online", "offline", or None where the user wants no dashboard."""
    if config.mode != "auto":
        return config.mode
    asked = environment.get("WANDB_MODE", "").lower()
    if asked == "disabled" or environment.get("WANDB_DISABLED", "").lower() in ("true", "1", "yes", "on"):
        return None
    if asked:
        return {"run": "online", "dryrun": "offline"}.get(asked, asked)
    if environment.get("WANDB_API_KEY"):
        return "online"
    from netrc import NetrcParseError, netrc

    try:
        return "online" if any("wandb" in host for host in netrc().hosts) else "offline"
    except (OSError, NetrcParseError):
        return "offline"


def words(config: RunConfig, folder: Path, content: RunRecord, mode: str) -> dict[str, Any]:
    """The arguments of wandb.init, but for its settings."""
    assert isinstance(config.logger, WandbConfig)
    told, logger = os.environ, config.logger
    tags = [config.model.name[:64], config.top.profile, *logger.tags]
    tags += [tag for tag in told.get("WANDB_TAGS", "").split(",") if tag]
    project = logger.project
    by_hand = project != PROJECT or any(word.startswith("logger.project=") for word in content.overrides)
    plain = without_home(config.plain)
    if told.get("WANDB_SWEEP_ID"):  # whose parameters are keys with dots, or the name of a group
        plain = dict(_flat(plain))
    options = {
        "project": project if by_hand else told.get("WANDB_PROJECT") or project,
        "name": logger.run_name or title(config, content),
        "dir": os.path.relpath(folder),  # as wandb writes it into its logs
        "mode": mode,
        "group": logger.group or group(config, content),
        "job_type": logger.job_type,
        "notes": logger.notes,
        "tags": list(dict.fromkeys(tags)),
        "id": told.get("WANDB_RUN_ID") or content.wandb_id or os.urandom(4).hex(),
        "resume": None if mode == "offline" else "allow",
        "config": {
            **plain,
            "data_fingerprint": content.data.fingerprint,
            "revision": content.code.revision,
            "hardware": content.hardware.name,
            **({"sweep": sweep(content)} if sweep(content) else {}),
        },
    }
    for option, variables in BY_VARIABLE.items():
        if any(told.get(variable) for variable in variables):
            del options[option]
    return options


def _flat(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a configuration by their keys with dots."""
    for key, value in content.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
