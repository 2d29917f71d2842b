#!/bin/bash
# coverage.sh - how many of lm-evaluation-harness's own tasks load: without any Python, and with it.
#
#   tests/interop/coverage.sh ASSAY [LEAST [LEAST_WITH_PYTHON]]     percent that must load (90, 96)
#
# The tree: $LM_EVAL_DIR (the folder lm_eval/tasks), else the package from PyPI (python3 with pip).
# Without either, or without a network, it says so and ends with 0.  $TASK_CODE_PYTHON: the Python of
# the second half (python3); without one that half is skipped.
set -u
here=$(dirname "$0")
assay=${1:?usage: coverage.sh ASSAY [LEAST [LEAST_WITH_PYTHON]]}
least=${2:-90}
least_python=${3:-96}
python=${TASK_CODE_PYTHON:-python3}
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

# Counts by class; how many percent of the YAML tasks load.  Tasks that are Python classes are no YAML
# tasks; they are counted, but not among them.
count() {
    awk -F, -v least="$1" -v took="$3" '
        { sub(/\r$/, "") }
        NR == 1 || $NF == "group" { next }
        { class = $2 == "yes" ? "loads" : $2 == "python" ? "with Python" : $3; n[class]++ }
        class != "python class" { tasks++ }
        END {
            if (!tasks) { print "no tasks"; exit 1 }
            all = n["loads"] + n["with Python"]
            printf "%-18s %6d\n%-18s %6d  %.2f %%\n", "YAML tasks", tasks, "load", all, 100 * all / tasks
            for (c in n) if (c != "loads") printf "  %-16s %6d  %.2f %%\n", c, n[c], 100 * n[c] / tasks | "sort -k2"
            close("sort -k2")
            printf "%-18s %6d ms\n", "index and load", took
            exit 100 * all < least * tasks
        }' "$2"
}

now() { date +%s%N; }

start=$(now)
"$assay" validate "$tree" --format csv > "$tmp/tasks.csv" 2> "$tmp/err"
echo "== without Python"
count "$least" "$tmp/tasks.csv" $((($(now) - start) / 1000000))
bad=$?

# One task of each widely quoted benchmark.
quoted() {
    awk -F, -v wanted="$here/widely-quoted.txt" '
        BEGIN { while ((getline line < wanted) > 0) { want[line] = 1; all++ } }
        $1 in want { known++; if ($2 == "yes" || $2 == "python") loads++; else missing = missing " " $1 }
        END { printf "%-18s %6d of %d (%d are in this tree)\n", "widely quoted", loads, all, known
              if (missing) print "  not loadable:" missing }' "$1"
}
quoted "$tmp/tasks.csv"
[ "$bad" = 0 ] || { echo "coverage.sh: less than $least % of the tasks load"; tail -n 1 "$tmp/err"; } >&2

if ! "$python" --version > /dev/null 2>&1; then
    echo "skipped: with --allow-task-code (no '$python')"
    exit "$bad"
fi
start=$(now)
"$assay" validate "$tree" --format csv --allow-task-code --task-code-python "$python" \
    > "$tmp/python.csv" 2> "$tmp/err"
echo "== with --allow-task-code, $("$python" --version)"
count "$least_python" "$tmp/python.csv" $((($(now) - start) / 1000000))
bad_python=$?
quoted "$tmp/python.csv"
echo "modules that are missing here, and how many tasks need them first:"
sed -n "s/.*needs python module '\([^']*\)'.*/\1/p" "$tmp/python.csv" | sort | uniq -c | sort -rn |
    awk '{ printf "  %-16s %6d\n", $2, $1 }'
[ "$bad_python" = 0 ] || { echo "coverage.sh: less than $least_python % load with Python"; tail -n 1 "$tmp/err"; } >&2
[ "$bad" = 0 ] && [ "$bad_python" = 0 ]
