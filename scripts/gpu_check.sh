#!/usr/bin/env bash
# Runs `sru-repro gpu-check` where there is a CUDA GPU and no network, from a checkout and a pack.
#
#   scripts/gpu_check.sh PACK [key=value ...]  PACK: the folder that scripts/pack_offline.sh wrote; the arguments are those
#                                              of gpu-check: sections= budget= out= fresh= ...
#   scripts/gpu_check.sh PACK device=cpu rehearse=true    the same without a GPU
#   scripts/gpu_check.sh PACK --shell COMMAND ...         set up, then run COMMAND in this environment instead
#
#   PYTHON=python3   3.11 to 3.13, with pip and PyTorch 2.6 or later
#   SITE=folder      where the wheels are installed; SRU_REPRO_CACHE=folder: of prepared data. Both, and the unpacked
#                    pack, are in ${TMPDIR:-/tmp} by default, and found again by the next call
#
# Nothing is fetched, and nothing is installed outside SITE.
set -euo pipefail
fail() { echo "scripts/gpu_check.sh: $1" >&2; exit 2; }

case ${1:-} in -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
[ $# -ge 1 ] || fail "expected the folder of a pack, found none; --help tells more"
pack=$(cd "$1" 2>/dev/null && pwd) || fail "$1: no such folder; scripts/pack_offline.sh makes it"
site=${SITE:+$(realpath -m "$SITE")}
shift
for file in pack.tar.xz PYTHON REVISION SOURCES; do
    [ -f "$pack/$file" ] || fail "$pack/$file: not found; scripts/pack_offline.sh makes it"
done
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
command -v "$python" >/dev/null || fail "PYTHON=$python: no such program"
gpu=yes
case " $* " in *' device=cpu '*) case " $* " in *' rehearse=true '*) gpu=no ;; esac ;; esac
[ "${1:-}" != --shell ] || gpu=no

cuda=
[ ! -f "$pack/CUDA" ] || cuda=$(cat "$pack/CUDA")
"$python" - "$(cat "$pack/PYTHON")" "$gpu" "$cuda" <<'PYTHON' || exit 2
import importlib.util, re, sys

def fail(line):
    sys.exit("scripts/gpu_check.sh: " + line)

here = "%d.%d" % sys.version_info[:2]
if not (3, 11) <= sys.version_info[:2] < (3, 14):
    fail("expected Python 3.11 to 3.13, found %s; name another by PYTHON=" % here)
if here != sys.argv[1]:
    fail("the pack is for Python %s, found %s; PYTHON_VERSION=%s scripts/pack_offline.sh" % (sys.argv[1], here, here))
if importlib.util.find_spec("pip") is None:
    fail("expected pip beside %s, found none; name another Python by PYTHON=" % sys.executable)
try:
    import numpy, torch
except ImportError as error:
    fail("expected PyTorch 2.6 or later and numpy with %s, found none (%s)" % (sys.executable, error))
if tuple(map(int, re.findall(r"\d+", torch.__version__)[:2])) < (2, 6):
    fail("expected PyTorch 2.6 or later, found %s" % torch.__version__)
if sys.argv[2] == "yes" and not torch.cuda.is_available():
    fail("expected a CUDA GPU that PyTorch %s can use, found none; device=cpu rehearse=true goes without" % torch.__version__)
cuda = str(torch.version.cuda).split(".")[0]
if sys.argv[2] == "yes" and sys.argv[3] not in ("", cuda):
    fail("expected a PyTorch built for CUDA %s, whose compiler the kernels need, found %s for CUDA %s"
         % (sys.argv[3], torch.__version__, torch.version.cuda))
PYTHON

place=${TMPDIR:-/tmp}/sru-repro-$(id -u)
mkdir -p -m 700 "$place"
id=$(sha256sum "$pack/pack.tar.xz" | cut -c 1-12)
unpacked=$place/pack-$id
if [ ! -d "$unpacked" ]; then
    part=$(mktemp -d "$place/.part-XXXXXX")
    trap 'rm -rf "$part"' EXIT
    "$python" - "$pack/pack.tar.xz" "$part" 2>/dev/null <<'PYTHON' ||
import sys, tarfile

safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
with tarfile.open(sys.argv[1]) as archive:
    archive.extractall(sys.argv[2], **safely)
PYTHON
        fail "$pack/pack.tar.xz: expected a whole archive, found a cut or damaged one; pack it again"
    mv "$part" "$unpacked"
fi

site=${site:-$place/site} installed=
mark="$id $("$python" -c 'import sys; print(sys.executable)')"
if [ "$(cat "$site/.pack" 2>/dev/null)" != "$mark" ]; then
    [ -f "$site/.pack" ] || [ -z "$(ls -A "$site" 2>/dev/null)" ] ||
        fail "$site: expected a folder that this script filled, or an empty one, found other things"
    mapfile -t missing < <("$python" - "$unpacked/wheels/if-missing" <<'PYTHON'
import importlib.util, sys, zipfile
from pathlib import Path, PurePosixPath

def importable(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:  # a package above it is missing
        return False

for wheel in sorted(Path(sys.argv[1]).glob("*.whl")):
    files = [PurePosixPath(name) for name in zipfile.ZipFile(wheel).namelist()]
    packages = {file.parent for file in files if file.name == "__init__.py"}
    outermost = {place for place in packages if not packages & set(place.parents)}
    modules = {".".join(place.parts) for place in outermost}
    modules |= {file.stem for file in files if len(file.parts) == 1 and file.suffix == ".py"}
    if not all(map(importable, modules)):
        print(wheel)
PYTHON
)
    rm -rf "$site.part"
    "$python" -m pip install --quiet --no-index --no-deps --no-compile --no-cache-dir --disable-pip-version-check \
        --root-user-action ignore --target "$site.part" "$unpacked"/wheels/*.whl "${missing[@]}" ||
        fail "the wheels of the pack could not be installed into $site.part (above)"
    echo "$mark" >"$site.part/.pack"
    rm -rf "$site"
    mv "$site.part" "$site"
    names=("${missing[@]##*/}") installed=yes
    echo "installed into $site; from if-missing: ${names[*]%%-*}"
fi

revision=$(cat "$pack/REVISION")
sources=$(find src conf -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*' -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1)
[ "$sources" = "$(cat "$pack/SOURCES")" ] || revision="${revision% dirty} dirty" # changed since it was packed
export SRU_REPRO_REVISION=${SRU_REPRO_REVISION:-$revision}
export SRU_REPRO_CACHE=${SRU_REPRO_CACHE:-$place/cache}
export PYTHONPATH=$site:$PWD/src${PYTHONPATH:+:$PYTHONPATH}
export PATH=$site/bin:$PATH # ninja, where it was missing
export DATA=$unpacked/data

if [ "$gpu" = yes ] && [ -n "$installed" ]; then # NVRTC and the driver are asked before the first section is
    "$python" - <<'PYTHON' || exit 2
import sys
from sru_repro.ops import available
there, why = available("cuda")
there or sys.exit("scripts/gpu_check.sh: expected CUDA kernels that compile and start here: %s" % why)
PYTHON
fi
if [ "${1:-}" = --shell ]; then
    shift
    exec "$@"
fi
exec "$python" -m sru_repro gpu-check "data_dir=$DATA" "$@"
