#!/usr/bin/env bash
# Packs what scripts/gpu_check.sh needs beside the checkout on a CUDA machine without a network.
#
#   scripts/pack_offline.sh [FOLDER]           default .carry, which git ignores; an earlier pack there is replaced
#
#   PYTHON_VERSION=3.12     wheels are for this Python (3.11 to 3.13) on Linux, x86-64
#   DATA=data               folder of the data
#   TASKS=sst,squad,enwik8  whose data to take; WORDS=, QUESTIONS= and BYTES= limit them (sru-repro pack --help)
#   ONLY=revision           leave the pack as it is, and note that it goes with the checkout as it is now
#
# FOLDER gets pack.tar.xz (wheels/, installed there in any case; wheels/if-missing/, installed where they cannot be
# imported; data/), PYTHON, CUDA (that PyTorch there must be built for), REVISION (the commit, and "dirty" where src/ or
# conf/ differ from it) and SOURCES (the checksum of both, by which gpu_check.sh sees that they have changed since).
# Versions are those of requirements.lock, files those whose hashes stand there. Refused (status 1) is a pack that with
# the checkout is over 60 MB. scripts/rehearse_pack.sh tries it here.
set -euo pipefail
fail() { echo "scripts/pack_offline.sh: $1" >&2; exit "${2:-2}"; }

case ${1:-} in -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
[ $# -le 1 ] || fail "expected one folder, found $#: $*"
out=$(realpath -m "${1:-$(dirname "$0")/../.carry}")
data=$(cd "${DATA:-$(dirname "$0")/../data}" 2>/dev/null && pwd) || fail "DATA=${DATA:-}: no such folder"
cd "$(dirname "$0")/.."

version=${PYTHON_VERSION:-3.12}
case $version in 3.11 | 3.12 | 3.13) ;; *) fail "PYTHON_VERSION=$version: expected 3.11, 3.12 or 3.13" ;; esac
python=${VENV:-.venv}/bin/python
[ -x "$python" ] || fail "$python: not found; run make setup first"

top=$(git rev-parse --show-toplevel 2>/dev/null) || top=
[ -n "$top" ] && [ "$top" -ef . ] || fail "$PWD: expected a checkout with its history, found ${top:-none}"
note_revision() {
    { git rev-parse --short=12 HEAD
      [ -z "$(git status --porcelain -- src conf)" ] || echo dirty; } | paste -sd ' ' >"$1/REVISION"
    find src conf -type f ! -path '*/__pycache__/*' ! -path '*.egg-info/*' -print0 | LC_ALL=C sort -z |
        xargs -0 sha256sum | sha256sum | cut -d ' ' -f 1 >"$1/SOURCES"
}
case ${ONLY:-} in
    '') ;;
    revision)
        [ -f "$out/pack.tar.xz" ] || fail "$out/pack.tar.xz: not found; ONLY=revision needs a pack"
        note_revision "$out"; cat "$out/REVISION"; exit 0 ;;
    *) fail "ONLY=$ONLY: expected revision" ;;
esac

mkdir -p "$out"
part=$(mktemp -d "$out/.part-XXXXXX")
trap 'rm -rf "$part"' EXIT

pins() { # pins LOCK NAME...: their entries with hashes, whatever platform this is
    awk -v names="${*:2}" '
        BEGIN { split(names, list, " "); for (i in list) wanted[list[i]] = 1 }
        /^[A-Za-z0-9]/ { name = $1; sub(/==.*/, "", name); on = name in wanted; delete wanted[name]; sub(/ ;.*/, " \\") }
        on && !/^ *#/
        END { for (name in wanted) { print "not locked: " name >"/dev/stderr"; missing = 1 } exit missing }' "$1"
}
platforms=()
for tag in manylinux1 manylinux2010 manylinux2014 manylinux_2_{5,12,17,24,26,27,28,31,34,35}; do
    platforms+=(--platform "${tag}_x86_64")
done
pip=("$python" -m pip --disable-pip-version-check --quiet --quiet)
download() { # download FOLDER LOCK NAME...
    pins "${@:2}" >"$part/pins"
    "${pip[@]}" download --no-deps --require-hashes --only-binary=:all: --dest "$1" --requirement "$part/pins" \
        --python-version "$version" --implementation cp "${platforms[@]}" ||
        fail "a wheel for Python $version could not be had (above)" 1
}

echo "wheels for Python $version"
wheels=$part/pack/wheels
mkdir -p "$wheels/if-missing"
download "$wheels" requirements.lock hydra-core omegaconf torchtext pydantic pydantic-core annotated-types \
    typing-inspection typing-extensions pooch platformdirs
# The authors' package, which the suite is measured against.
download "$wheels" tests/peers/requirements-3.0.0.dev6.lock sru
# hydra's parser comes as source alone; its wheel fits every Python.
pins requirements.lock antlr4-python3-runtime >"$part/pins"
"${pip[@]}" wheel --no-deps --no-build-isolation --require-hashes --wheel-dir "$wheels" --requirement "$part/pins" ||
    fail "antlr4-python3-runtime could not be built (above)" 1
download "$wheels/if-missing" requirements.lock pytorch-lightning lightning-utilities torchmetrics fsspec packaging \
    pyyaml tqdm requests urllib3 idna certifi charset-normalizer sentencepiece six rich markdown-it-py mdurl pygments \
    setuptools ninja cuda-bindings cuda-pathfinder
echo "$(find "$wheels" -name '*.whl' | wc -l) wheels, $(du -sb "$wheels" | cut -f 1) bytes"
"$python" scripts/wheels.py "$wheels" "$version" || fail "wheels that do not fit (above)" 1
bindings=$(basename "$wheels"/if-missing/cuda_bindings-*.whl | sed 's/^cuda_bindings-\([0-9]*\).*/\1/')

"$python" -m sru_repro pack "out=$part/pack" "data_dir=$data" ${TASKS:+"tasks=$TASKS"} ${WORDS:+"words=$WORDS"} \
    ${QUESTIONS:+"questions=$QUESTIONS"} ${BYTES:+"bytes=$BYTES"}

# xz packs what is inside the wheels better than they do themselves, so they are stored without compression.
"$python" - "$wheels" <<'PYTHON'
import sys, zipfile
from pathlib import Path

for wheel in Path(sys.argv[1]).rglob("*.whl"):
    stored = wheel.with_suffix(".stored")
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(stored, "w", zipfile.ZIP_STORED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            entry.compress_type = zipfile.ZIP_STORED
            new.writestr(entry, content)
    stored.replace(wheel)
PYTHON
echo "compressing"
XZ_OPT='-6 -T0' tar -C "$part/pack" --sort=name --owner=0 --group=0 --numeric-owner -cJf "$part/pack.tar.xz" wheels data

packed=$(stat -c %s "$part/pack.tar.xz")
checkout=$(git ls-files -coz --exclude-standard | du -cb --files0-from=- 2>/dev/null | tail -1 | cut -f 1) || true
printf '%-20s %6.1f MB\n' pack.tar.xz "$((packed / 10000))e-2" checkout "$((${checkout:-0} / 10000))e-2"
[ $((packed + ${checkout:-0})) -le 60000000 ] ||
    fail "expected at most 60 MB together, found $(((packed + checkout) / 1000000)); fewer WORDS= or QUESTIONS=, or TASKS=" 1
mv -f "$part/pack.tar.xz" "$out/pack.tar.xz"
echo "$version" >"$out/PYTHON"
echo "$bindings" >"$out/CUDA"
note_revision "$out"
echo "$out for Python $version, revision $(cat "$out/REVISION")"
