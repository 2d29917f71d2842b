#!/bin/bash
# coverage.sh - how many of lm-evaluation-harness's own tasks load, without any Python.
#
#   tests/interop/coverage.sh ASSAY [LEAST]     LEAST: percent that must load (default 90)
#
# The tree: $LM_EVAL_DIR (the folder lm_eval/tasks), else the package from PyPI (python3 with pip).
# Without either, or without a network, it says so and ends with 0.
set -u
here=$(dirname "$0")
assay=${1:?usage: coverage.sh ASSAY [LEAST]}
least=${2:-90}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

tree=${LM_EVAL_DIR:-}
if [ -z "$tree" ]; then
    if ! python3 -m pip --version > /dev/null 2>&1; then
        echo "skipped: LM_EVAL_DIR is not set and there is no pip"
        exit 0
    fi
    if ! python3 -m pip download -q --no-deps --only-binary :all: -d "$tmp" lm_eval > "$tmp/log" 2>&1 ||
        ! python3 -m zipfile -e "$tmp"/lm_eval-*.whl "$tmp/lm_eval" > "$tmp/log" 2>&1; then
        echo "skipped: LM_EVAL_DIR is not set and lm_eval can't be had: $(tail -n 1 "$tmp/log")"
        exit 0
    fi
    tree=$tmp/lm_eval/lm_eval/tasks
fi
[ -d "$tree" ] || { echo "coverage.sh: no folder '$tree'" >&2; exit 2; }

start=$(date +%s%N)
"$assay" validate "$tree" --format csv > "$tmp/tasks.csv" 2> "$tmp/err"
took=$((($(date +%s%N) - start) / 1000000))
# Tasks that are Python classes are no YAML tasks; they are counted, but not among them.
awk -F, -v least="$least" -v took="$took" '
    { sub(/\r$/, "") }
    NR == 1 { next }
    { class = $2 == "yes" ? "loads" : $3; n[class]++ }
    class != "python class" { tasks++ }
    END {
        if (!tasks) { print "no tasks"; exit 1 }
        printf "%-18s %6d\n%-18s %6d  %.2f %%\n", "YAML tasks", tasks, "load", n["loads"], 100 * n["loads"] / tasks
        for (c in n) if (c != "loads") printf "  %-16s %6d  %.2f %%\n", c, n[c], 100 * n[c] / tasks | "sort -k2"
        close("sort -k2")
        printf "%-18s %6d ms\n", "index and load", took
        exit 100 * n["loads"] < least * tasks
    }' "$tmp/tasks.csv"
bad=$?

# One task of each widely quoted benchmark.
awk -F, -v wanted="$here/widely-quoted.txt" '
    BEGIN { while ((getline line < wanted) > 0) { want[line] = 1; all++ } }
    $1 in want { known++; if ($2 == "yes") loads++; else missing = missing " " $1 }
    END { printf "%-18s %6d of %d (%d are in this tree)\n", "widely quoted", loads, all, known
          if (missing) print "  not loadable:" missing }' "$tmp/tasks.csv"
[ "$bad" = 0 ] || { echo "coverage.sh: less than $least % of the tasks load"; tail -n 1 "$tmp/err"; } >&2
exit "$bad"
