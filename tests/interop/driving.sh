#!/bin/bash
# driving.sh - what driving costs per document: lm-eval with its dummy model, assay with the mock, the same
# tasks and rows in one run.  Start-up is measured with one document a task and taken off.
#
#   tests/interop/driving.sh ASSAY [ROWS]       LM_EVAL_VENV as in identity.sh; skips without PyPI
set -eu
here=$(cd "$(dirname "$0")" && pwd)
assay=$(realpath "${1:?usage: driving.sh ASSAY [ROWS]}")
rows=${2:-2000}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-driving-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
venv=${LM_EVAL_VENV:-$tmp/venv}
if [ ! -x "$venv/bin/python" ]; then
    if ! "${PYTHON:-python3}" -m venv "$venv" > "$tmp/log" 2>&1 ||
        ! "$venv/bin/pip" install -q --only-binary :all: lm_eval > "$tmp/log" 2>&1; then
        echo "skipped: lm_eval can't be had: $(tail -n 1 "$tmp/log")"
        exit 0
    fi
fi
export HF_HOME=$tmp/hf PYTHONDONTWRITEBYTECODE=1
exec "$venv/bin/python" "$here/driving.py" "$assay" "$rows" "$tmp"
