#!/bin/bash
# driving.sh - what driving costs per document: lm-eval with its dummy model, assay with the mock, the same
# tasks and rows in one run.  Start-up is measured with one document a task and taken off.
#
#   tests/interop/driving.sh ASSAY [ROWS [TIMES]]       promised: a hundredth of the processor time
. "$(dirname "$0")/lib.sh"
assay=$(realpath "${1:?usage: driving.sh ASSAY [ROWS [TIMES]]}")
need_venv
"$python" "$here/driving.py" "$assay" "${2:-2000}" "$tmp" > "$tmp/said" 2> "$tmp/err" ||
    { cat "$tmp/said" "$tmp/err"; miss "driving.py: $(tail -n 1 "$tmp/err")"; exit 1; }
cat "$tmp/said"
worst=$(sed -n 's/^at least \([0-9]*\) times less$/\1/p' "$tmp/said")
[ "${worst:-0}" -ge "${3:-100}" ] || miss "driving costs $worst times less than lm-eval's, promised ${3:-100}"
summary "processor time per document: $(sed -n 's/^\([a-z_]*\): lm-eval \([0-9.]*\) us a document, assay \([0-9.]*\) us: \(.*\)$/\1 \3 us, lm-eval \2 us, \4/p' \
    "$tmp/said" | paste -sd ';' | sed 's/;/; /g')"
