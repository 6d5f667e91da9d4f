#!/usr/bin/env bash
# Tries a pack here, before time on a GPU is spent on it: do its wheels fit its Python, does it unpack and install, and
# does the whole check run on the CPU, without a network, from a copy of the checkout inside a foreign repository?
#
#   scripts/rehearse_pack.sh [FOLDER] [key=value ...]   default .carry; the arguments are those of gpu-check
#
#   PYTHON=.venv/bin/python   with PyTorch, numpy and pip; of the pack's version (make a pack for this one by
#                             PYTHON_VERSION=3.11 scripts/pack_offline.sh ELSEWHERE, where that is another)
#
# Of this Python nothing is seen but PyTorch, what that needs, numpy and pip: the rest must come from the pack.
set -euo pipefail
fail() { echo "scripts/rehearse_pack.sh: $1" >&2; exit "${2:-2}"; }

case ${1:-} in -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;; esac
given=
case ${1:-} in '' | *=*) ;; *) given=$1; shift ;; esac
pack=$(cd "${given:-$(dirname "$0")/../.carry}" 2>/dev/null && pwd) ||
    fail "${given:-.carry}: no such folder; scripts/pack_offline.sh makes it"
for file in pack.tar.xz PYTHON CUDA REVISION SOURCES; do
    [ -f "$pack/$file" ] || fail "$pack/$file: not found; scripts/pack_offline.sh makes it"
done
python=${PYTHON:-${VENV:-$(dirname "$0")/../.venv}/bin/python}
python=$(command -v "$python") || fail "PYTHON=$python: no such program"
cd "$(dirname "$0")/.."

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tar -xJf "$pack/pack.tar.xz" -C "$work" wheels || fail "$pack/pack.tar.xz: expected a whole archive, found a damaged one"
version=$(cat "$pack/PYTHON")
"$python" scripts/wheels.py "$work/wheels" "$version" || fail "wheels that do not fit (above)" 1
here=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
[ "$here" = "$version" ] ||
    fail "the pack is for Python $version, found $here: only its wheels were looked at; name another by PYTHON=" 1

# A Python as bare as the other machine's.
"$python" -m venv --without-pip "$work/bare"
"$python" - "$work/bare/lib/python$version/site-packages" <<'PYTHON'
import re, sys
from importlib.metadata import distribution
from pathlib import Path

def name_of(requirement):
    return re.match(r"[\w.-]+", requirement)[0]

todo, seen = ["torch", "numpy", "pip"], set()
while todo:
    name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
    if name in seen:
        continue
    seen.add(name)
    try:
        found = distribution(name)
    except ModuleNotFoundError:  # for another platform
        continue
    todo += [name_of(line) for line in found.requires or () if "extra ==" not in line]
    for first in {file.parts[0] for file in found.files if file.parts[0] not in ("..", "__pycache__")}:
        link = Path(sys.argv[1], first)
        if not link.exists():
            link.symlink_to(found.locate_file(first))
PYTHON

foreign=$work/foreign
mkdir -p "$foreign/copies/suite" "$work/tmp"
git -C "$foreign" init --quiet
git -C "$foreign" -c user.name=x -c user.email=x@example.org commit --quiet --allow-empty -m foreign
git ls-files -coz --exclude-standard | tar --null -T - --ignore-failed-read -cf - | tar -xf - -C "$foreign/copies/suite"

offline=(unshare --net --map-root-user)
"${offline[@]}" true 2>/dev/null || { offline=(); echo "the network cannot be taken away here; nothing asks for it"; }
sections=()
case " $* " in *' sections='*) ;; *)
    sections=(sections=correct,speed,tune,train-sst,train-enwik8,train-squad,table1,table2,ablation) ;;
esac
case " $* " in *' budget='*) ;; *) sections+=(budget=1800) ;; esac
out=$work/pages status=0
(
    unset PYTHONPATH SRU_REPRO_REVISION SITE
    export PYTHON=$work/bare/bin/python TMPDIR=$work/tmp SRU_REPRO_CACHE=$work/cache
    cd "$foreign/copies/suite"
    "${offline[@]}" scripts/gpu_check.sh "$pack" device=cpu rehearse=true "out=$out" "${sections[@]}" "$@"
) || status=$?
[ "$status" = 0 ] || fail "the check ended with status $status (above)" 1
"$python" - "$out" "$pack/REVISION" <<'PYTHON' || exit 1
import json, sys
from pathlib import Path

wanted, pieces = Path(sys.argv[2]).read_text().split()[0], 0
for page in sorted(Path(sys.argv[1]).glob("*.json")):
    for piece in json.loads(page.read_text()).get("pieces", ()):
        pieces += 1
        found = piece["measured"].get("revision")
        if found != wanted:
            sys.exit(f"scripts/rehearse_pack.sh: {page.name}, {piece['name']}: expected revision {wanted}, found {found}")
print(f"the pack is sound: {pieces} pieces, revision {wanted}")
PYTHON
