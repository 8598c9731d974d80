#!/usr/bin/env bash
# Make the virtual environment DIR with the extras EXTRAS of this project: tools/setup.sh DIR EXTRAS
#
# On a machine without an NVIDIA driver the CPU build of torch is wanted: the default build brings
# several GB of CUDA libraries. It is taken from wherever pip is configured to look (an index or a
# directory of wheels, PIP_FIND_LINKS or PIP_EXTRA_INDEX_URL); if it is not there, the default build.
set -euo pipefail
cd "$(dirname "$0")/.."
dir=$1
extras=$2
torch=2.13.0

if [ ! -x "$dir/bin/python" ]; then
    "${PYTHON:-python3}" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
        echo "setup: Python 3.11 or newer is needed; say which with PYTHON=..." >&2
        exit 1
    }
    "${PYTHON:-python3}" -m venv "$dir"
fi
pip() { "$dir/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

if ! "$dir/bin/python" -c "import torch" 2>/dev/null; then
    if command -v nvidia-smi >/dev/null 2>&1; then
        pip install -c constraints.txt "torch==$torch"
    elif ! pip install -c constraints.txt "torch==$torch+cpu" 2>/dev/null; then
        echo "setup: no CPU build of torch $torch to be found; taking the default build" >&2
        pip install -c constraints.txt "torch==$torch"
    fi
fi
pip install -c constraints.txt --editable ".[$extras]"
