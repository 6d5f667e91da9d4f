"""The C++ compiler: which one, what it is given, how long it may take, and the library that comes of it.

CXX names it, with arguments ("ccache g++", "g++ -v", a path with blanks); else g++, clang++ or c++ of PATH. Flags are
the suite's own: CXXFLAGS is not read, as flags for another project might change what is computed.
"""

import ctypes
import functools
import os
import platform
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from . import build
from .build import BuildError

LIMIT_S = 120.0
"""For one library, which takes three seconds."""
_open: list[int] = []
"""Libraries in memory, held open so that no other one gets the same name."""


@functools.cache
def compiler() -> tuple[list[str], str]:
    """The command with its arguments, and what tells it from another version.

    Raises:
        BuildError: there is none.
    """
    wanted = os.environ.get("CXX", "").strip()
    for name in [wanted] if wanted else ["g++", "clang++", "c++"]:
        command = _words(name)
        if found := shutil.which(command[0]):
            words = [found, *command[1:]]
            programs = {str(Path(i).resolve()): None for i in (found, *map(shutil.which, command[1:])) if i}
            facts = [f"{i} {os.stat(i).st_size} {os.stat(i).st_mtime_ns}" for i in programs]
            return words, " ".join(facts)
    if wanted:
        raise BuildError(
            f"CXX={wanted}: no such program; expected a C++ compiler, such as g++, and its arguments"
        )
    raise BuildError("no C++ compiler: g++ was not found in PATH")


def _words(name: str) -> list[str]:
    if shutil.which(name):  # as it stands, blanks or not
        return [name]
    try:
        return shlex.split(name) or [name]
    except ValueError as error:
        raise BuildError(
            f"CXX={name}: {str(error).lower()}; expected a C++ compiler and its arguments"
        ) from None


def shared_library(
    source: str, headers: tuple[str, ...], defines: dict[str, str], flags: list[str]
) -> ctypes.CDLL:
    """The library built from a source of kernels/, from the cache or by the C++ compiler.

    Raises:
        BuildError: no compiler, its first error, or a library that this system does not load.
    """
    command, version = compiler()
    options = [*flags, *(f"-D{name}={value}" for name, value in defines.items())]
    system = f"{platform.machine()} {' '.join(platform.libc_ver())}"
    parts = (
        build.sources(source, *headers),
        " ".join([*command, *options]),
        version,
        build.processor(),
        system,
    )
    name = f"{Path(source).stem}-{'-'.join(defines.values())}-{build.fingerprint(*parts)}.so"
    try:
        return build.kept(
            name,
            lambda: _compiled(
                source, [*command, str(build.KERNELS / source), f"-I{build.KERNELS}", *options], name
            ),
            _opened,
        )
    except OSError as error:
        raise BuildError(f"{command[0]} built a library that cannot be loaded: {error}") from None


def _compiled(source: str, command: list[str], name: str) -> bytes:
    """What the compiler makes of it; where its disk is full, once more where temporary files lie.

    Raises:
        BuildError: it fails, or has no place to work in.
        OSError: the disk fails it in another way.
    """
    with build.workplace(name) as folder:
        try:
            return _made(source, command, folder)
        except (OSError, BuildError) as error:
            # A compiler without room for its complaint only says that it failed.
            if not re.search(r"No space left|quota|: status \d+$", str(error)):
                raise
    try:
        with tempfile.TemporaryDirectory(prefix="sru-repro-", ignore_cleanup_errors=True) as folder:
            return _made(source, command, Path(folder))
    except OSError as error:
        raise BuildError(f"{command[0]} has no place to work in: {error.strerror}") from None


def _made(source: str, command: list[str], folder: Path) -> bytes:
    library, report = folder / "built.so", folder / "report"
    # Messages in English, so that the error among them is found; the compiler's own files where ours are.
    environment = {**os.environ, "LC_ALL": "C", "TMPDIR": str(folder)}
    with report.open("wb") as said:
        status = _status([*command, "-o", str(library)], said.fileno(), environment)
    if status is None:
        raise BuildError(f"{command[0]} had not finished {source} after {LIMIT_S:.0f} s and was ended")
    if status:
        lines = report.read_bytes()[:1_000_000].decode(errors="replace").strip().splitlines()
        told = next((line for line in lines if "error" in line), lines[0] if lines else f"status {status}")
        raise BuildError(f"{command[0]} failed on {source}: {told}")
    content = build.content_of(library)
    if not content:
        raise BuildError(f"{command[0]} wrote no library of {source}; expected a C++ compiler")
    return content


def _status(command: list[str], said: int, environment: dict[str, str]) -> int | None:
    """How the command ended; None if it was ended for taking too long, with all that it had started.

    Raises:
        BuildError: it cannot be started.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:  # not for this processor, or no program after all
        raise BuildError(f"{command[0]} cannot be started: {error.strerror}") from None
    try:
        return process.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _opened(content: bytes) -> ctypes.CDLL:
    """Loads a library from memory: a file could be cut while it is in use, or lie where nothing may be run.

    Raises:
        OSError: it is none, or one of another system.
    """
    with suppress(AttributeError, OSError):  # neither on every system
        handle = os.memfd_create("sru-repro-kernel")
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(content)
            library = ctypes.CDLL(f"/proc/self/fd/{handle}")
            _open.append(handle)
            return library
        except OSError:
            os.close(handle)
            raise
    with tempfile.TemporaryDirectory(prefix="sru-repro-") as folder:
        path = Path(folder, "kernel.so")
        path.write_bytes(content)
        return ctypes.CDLL(str(path))
