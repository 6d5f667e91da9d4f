"""The authors' package, both versions, as peers to compare with."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

PEERS = Path(sys.prefix) / "peers"
VERSIONS = ("2.6.0", "3.0.0.dev6")


@pytest.fixture(scope="session")
def ask_peers(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A function from {name: case} to {version: {name: answer}}; see peer.py for both.

    Compiling takes 20 s a version, once for each version of PyTorch: the builds stay beside the package.
    """

    def ask(
        cases: dict[str, dict[str, Any]], versions: Sequence[str] = VERSIONS
    ) -> dict[str, dict[str, dict[str, Any]]]:
        folder, running = tmp_path_factory.mktemp("peers"), {}
        torch.save(cases, folder / "cases.pt")
        for version in versions:
            package = PEERS / version
            if not (package / "sru").is_dir():
                pytest.fail(
                    f"the authors' package sru=={version} is not installed: run `make setup`", pytrace=False
                )
            build = package / "build" / f"torch-{torch.__version__}"
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])  # ninja
            running[version] = subprocess.Popen(
                [
                    sys.executable,
                    Path(__file__).with_name("peer.py"),
                    package,
                    build,
                    folder / "cases.pt",
                    folder / f"{version}.pt",
                ],
                env=os.environ | {"TORCH_EXTENSIONS_DIR": str(build), "PATH": path},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        for version, process in running.items():
            said, _ = process.communicate()
            if process.returncode != 0:
                pytest.fail(f"the authors' package sru=={version} does not run here:\n{said}", pytrace=False)
        return {version: torch.load(folder / f"{version}.pt") for version in versions}

    return ask
