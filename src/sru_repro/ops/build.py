"""Compiles the kernels on first use and keeps what was built: one cache for both drivers.

A file in the cache is named by a hash of everything it depends on (sources, flags, compiler, processor), appears under
that name only when it is whole, and is never changed: processes that start at once may build it twice, never break it.
"""

import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

KERNELS = Path(__file__).parent / "kernels"


class BuildError(RuntimeError):
    """A kernel could not be built; the message is one line for a person."""


@functools.cache
def cache_folder() -> Path:
    """SRU_REPRO_KERNELS, or a folder in the user's cache; a temporary folder where that cannot be written."""
    try:
        if not (wanted := os.environ.get("SRU_REPRO_KERNELS")):
            wanted = os.path.join(
                os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "sru-repro/kernels"
            )
        folder = Path(wanted)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except (OSError, RuntimeError):  # nowhere to write, or nobody's home
        return Path(tempfile.mkdtemp(prefix="sru-repro-"))


def fingerprint(*parts: str | bytes) -> str:
    """A short hash of the parts in their order."""
    found = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        found.update(len(data).to_bytes(8, "little") + data)
    return found.hexdigest()[:24]


def place(path: Path, content: bytes, replace: bool = True) -> None:
    """Writes a file so that nobody ever sees a part of it; without `replace` the first one stays."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).chmod(0o644)
        if replace:
            Path(name).replace(path)
            return
        with suppress(FileExistsError):
            os.link(name, path)
        Path(name).unlink()
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@functools.cache
def sources(*names: str) -> bytes:
    """The text of these files of kernels/ and of the header that all kernels share."""
    return b"\0".join((KERNELS / name).read_bytes() for name in ("types.h", *names))


@functools.cache
def processor() -> str:
    """What `-march=native` looks at: the name and the instruction sets of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    told = ("model name", "cpu family", "model\t", "stepping", "flags", "Features", "CPU ")
    return "\n".join(line for line in lines if line.startswith(told)) or platform.machine()


@functools.cache
def _compiler() -> tuple[list[str], str]:
    """The C++ compiler with its arguments (CXX, or g++, clang++, c++), and what tells it from another version."""
    wanted = os.environ.get("CXX")
    for name in [wanted] if wanted else ["g++", "clang++", "c++"]:
        command = shlex.split(name)
        if found := shutil.which(command[0]):
            facts = Path(found).resolve().stat()
            return [found, *command[1:]], f"{Path(found).resolve()} {facts.st_size} {facts.st_mtime_ns}"
    raise BuildError(f"no C++ compiler: {wanted + ' (CXX)' if wanted else 'g++'} was not found in PATH")


def shared_library(source: str, headers: tuple[str, ...], defines: dict[str, str], flags: list[str]) -> Path:
    """The library built from a source of kernels/, from the cache or by the C++ compiler.

    Raises:
        BuildError: no compiler, or its first error.
    """
    compiler, version = _compiler()
    options = [*flags, *(f"-D{name}={value}" for name, value in defines.items())]
    key = fingerprint(sources(source, *headers), " ".join([*compiler, *options]), version, processor())
    path = cache_folder() / f"{Path(source).stem}-{'-'.join(defines.values())}-{key}.so"
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return _built(source, [*compiler, f"-I{KERNELS}", *options], path)
    except OSError as error:
        raise BuildError(f"{path}: cannot be written: {error.strerror}") from None


def _built(source: str, command: list[str], path: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".build-") as folder:
        built = Path(folder, path.name)
        args = [command[0], str(KERNELS / source), *command[1:], "-o", str(built)]
        done = subprocess.run(args, capture_output=True, text=True, check=False)
        if done.returncode:
            told = next((line for line in done.stderr.splitlines() if "error" in line), done.stderr.strip())
            raise BuildError(f"{command[0]} failed on {source}: {told or f'status {done.returncode}'}")
        built.replace(path)
    return path
