"""What a number depends on besides the configuration: hardware, code revision, package versions, memory."""

import ctypes
import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TypedDict

import torch

from .cores import SIDE_BY_SIDE as SIDE_BY_SIDE
from .cores import cores as cores
from .errors import ConfigError
from .layout import checkout

ROOT = checkout()
"""The checkout, which has a revision; None where the package is installed by itself, whatever lies around it."""

RECORDED = (
    "torch",
    "pytorch-lightning",
    "hydra-core",
    "torchtext",
    "torchmetrics",
    "datasets",
    "gensim",
    "wandb",
    "numpy",
)

REVISION = "SRU_REPRO_REVISION"
"""The variable that names the commit, "abc123def456 dirty", of a copy of the checkout that is without its history."""


class HardwareFacts(TypedDict):
    """The machine: name, short name for files, memory in bytes."""

    name: str
    slug: str
    device: str
    cores: int
    memory_bytes: int
    threads: int


class Revision(TypedDict):
    """The commit, and whether the checkout differs from it; both None where nobody knows."""

    revision: str | None
    dirty: bool | None


def hardware(device: str, processes: int = 1) -> HardwareFacts:
    """What a record says of the machine; `device` is "cpu" or "cuda", of which each of the run's processes has one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 0
    chip, flags = _processor()
    wide = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else ""
    threads = torch.get_num_threads()
    name = f"{cores()}-core {chip}" + (f" ({wide})" if wide else "") + f", {memory / 2**30:.0f} GB"
    # By its vectors, too: clouds call generations of a processor alike, and one may do several times another's work.
    slug = "-".join(filter(None, ("cpu", chip, wide, f"{cores()}c")))
    if threads != cores() and device == "cpu":  # then seconds compare with nobody else's
        plural = "s" if threads > 1 else ""
        name, slug = f"{name}, {threads} thread{plural}", f"{slug}-{threads}t"
    if device == "cuda":
        properties = torch.cuda.get_device_properties(torch.cuda.current_device())
        name = f"{properties.name}, {properties.total_memory / 2**30:.0f} GB; {name}"
        slug = properties.name
    if processes > 1:
        name, slug = f"{name}, {processes} processes", f"{slug}-{processes}-processes"
    if beside := os.environ.get(SIDE_BY_SIDE):
        name, slug = f"{name}, {beside} runs side by side", f"{slug}-{beside}-runs"
    slug = re.sub(r"[^a-z0-9]+", "-", slug.lower()).strip("-")
    return {
        "name": name,
        "slug": slug,
        "device": device,
        "cores": cores(),
        "memory_bytes": memory,
        "threads": threads,
    }


def _processor() -> tuple[str, str]:
    info = Path("/proc/cpuinfo")
    text = info.read_text() if info.exists() else ""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.M)
    flags = re.search(r"^flags\s*:\s*(.+)$", text, re.M)
    return (model[1] if model else platform.processor() or platform.machine()), (flags[1] if flags else "")


@cache
def code_revision() -> Revision:
    """Commit of the checkout, and whether sources or configuration differ from it: as REVISION says, else as git does,
    if the repository is the checkout's own and no folder above it.

    Raises:
        ConfigError: the variable holds something else.
    """
    told = os.environ.get(REVISION, "").split()
    if told:
        if not re.fullmatch(r"[0-9a-f]{7,40}", told[0]) or told[1:] not in ([], ["dirty"]):
            raise ConfigError(
                f"{REVISION}: expected a revision of git, or one and the word dirty, found {' '.join(told)!r}"
            )
        return {"revision": told[0][:12], "dirty": len(told) > 1}

    def git(*args: str) -> str:
        done = subprocess.run(["git", "-C", str(ROOT), *args], capture_output=True, text=True, timeout=10)
        return done.stdout.strip() if done.returncode == 0 else ""

    revision, dirty = "", False
    with suppress(OSError, subprocess.TimeoutExpired):
        top = git("rev-parse", "--show-toplevel") if ROOT is not None else ""
        if top and Path(top).resolve() == Path(str(ROOT)).resolve():
            revision = git("rev-parse", "--short=12", "HEAD")
            dirty = bool(git("status", "--porcelain", "--", "src", "conf"))
    return {"revision": revision or None, "dirty": dirty if revision else None}


@cache
def packages() -> dict[str, str]:
    """Versions of Python and of the packages a number depends on."""
    found = {"python": platform.python_version()}
    for name in RECORDED:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def give_back_memory() -> None:
    """Returns freed memory to the system, where the C library is glibc.

    Batches of many lengths leave its heap full of holes: a reader of two million parameters held 7 GB after 4,000
    steps, of which it used one.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def reset_peak_memory(device: torch.device) -> None:
    """Starts a new measurement of the peak."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # Linux: forget this process's high-water mark


def peak_memory(device: torch.device) -> dict[str, int]:
    """Bytes: the process's resident peak, and the GPU's allocated peak where there is one."""
    status = Path("/proc/self/status")
    match = re.search(r"^VmHWM:\s*(\d+) kB", status.read_text(), re.M) if status.exists() else None
    found = {"peak_bytes": int(match[1]) * 1024} if match else {}
    if device.type == "cuda":
        found["gpu/peak_bytes"] = torch.cuda.max_memory_allocated(device)
    return found
