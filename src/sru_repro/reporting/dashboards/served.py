"""Opens a dashboard through its own library, on this machine alone."""

import contextlib
import io
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...core.dashboard_places import trackio_in
from ...core.errors import ConfigError

HOST = "127.0.0.1"
MISSING = "logger={name}: expected the package {name}, found none: pip install 'sru-repro[dashboards]'"


@contextmanager
def by_tensorboard(folder: Path, port: int | None) -> Iterator[str]:
    """The address of a TensorBoard of the folder, while the block runs.

    Raises:
        ConfigError: it is not installed, or the port is taken.
    """
    try:
        import tensorboard.program as program
    except ImportError:
        raise ConfigError(MISSING.format(name="tensorboard")) from None
    logging.getLogger("tensorboard").setLevel(logging.ERROR)
    board = program.TensorBoard()
    said = io.StringIO()
    words = ["tensorboard", "--logdir", str(folder), "--host", HOST, "--reload_interval", "5"]
    with contextlib.redirect_stderr(said):
        board.configure(argv=[*words, *(["--port", str(port)] if port else [])])
        try:
            address = board.launch()
        except (program.TensorBoardServerException, SystemExit, OSError) as error:
            raise _no_port(port, str(error) or said.getvalue()) from None
    yield address


@contextmanager
def by_trackio(store: Path, project: str, port: int | None) -> Iterator[str]:
    """The address of trackio's dashboard of what is kept there, while the block runs; as of `by_tensorboard`."""
    try:
        with trackio_in(store):
            import trackio
    except ImportError:
        raise ConfigError(MISSING.format(name="trackio")) from None
    options: dict[str, Any] = {"open_browser": False, "block_thread": False, "share": False, "host": HOST}
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            server, address, *_ = trackio.show(project or None, server_port=port, **options)
        except OSError as error:
            raise _no_port(port, str(error)) from None
    try:
        yield f"{address.rstrip('/')}/?project={project}" if project else address
    finally:
        with contextlib.redirect_stdout(io.StringIO()):
            server.close()


def by_wandb(offline: Sequence[Path]) -> int:
    """Looks at offline runs of wandb in this terminal, all beside each other; the status of `wandb leet`.

    Raises:
        ConfigError: wandb is not installed.
    """
    try:
        import wandb  # noqa: F401
    except ImportError:
        raise ConfigError("logger=wandb: expected the package wandb, found none: pip install wandb") from None
    with tempfile.TemporaryDirectory() as place:
        for kept in offline:
            with contextlib.suppress(FileExistsError):  # a run that was copied
                os.symlink(kept.absolute(), Path(place) / kept.name)
        return subprocess.run([sys.executable, "-m", "wandb", "leet", place], check=False).returncode


def _no_port(port: int | None, said: str) -> ConfigError:
    if port is None:
        return ConfigError(f"port: expected a free one, found none ({said.strip().splitlines()[-1:]})")
    return ConfigError(f"port={port}: expected a free port, found one that is taken or not to be had")
