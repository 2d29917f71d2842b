#!/bin/bash
# coverage.sh - how many of lm-evaluation-harness's own tasks load: without any Python, with a bare one, and
# with one that has the modules those tasks import.
#
#   tests/interop/coverage.sh ASSAY
#
# Promised: 90 % of the tasks without Python, 96 % with a bare one; of the 115 benchmarks in widely-quoted.txt one
# task each of 101 without, of 105 with a bare one or one with modules.  $TASK_CODE_PYTHON: the bare Python (python3).
. "$(dirname "$0")/lib.sh"
assay=${1:?usage: coverage.sh ASSAY}
least=90 least_python=96 least_native=101 least_quoted=105
bare=${TASK_CODE_PYTHON:-python3}
need_tree

# Counts by class; writes how many percent of the YAML tasks load to $tmp/share.  Tasks that are Python
# classes are no YAML tasks; they are counted, but not among them.
count() {
    awk -F, -v share="$tmp/share" '
        { sub(/\r$/, "") }
        NR == 1 || $NF == "group" { next }
        { class = $2 == "yes" ? "loads" : $2 == "python" ? "with Python" : $3; n[class]++ }
        class != "python class" { tasks++ }
        END {
            all = n["loads"] + n["with Python"]
            printf "%-18s %6d\n%-18s %6d  %.2f %%\n", "YAML tasks", tasks, "load", all, tasks ? 100 * all / tasks : 0
            for (c in n) if (c != "loads") printf "  %-16s %6d  %.2f %%\n", c, n[c], 100 * n[c] / tasks | "sort -k2"
            printf "%d %.2f\n", tasks, tasks ? int(10000 * all / tasks) / 100 : 0 > share
        }' "$1"
}

# One task of each widely quoted benchmark; how many load goes to $tmp/quoted.
quoted() {
    awk -F, -v wanted="$here/widely-quoted.txt" -v to="$tmp/quoted" '
        BEGIN { while ((getline line < wanted) > 0) { want[line] = 1; all++ } }
        $1 in want { known++; if ($2 == "yes" || $2 == "python") loads++; else missing = missing " " $1 }
        END { printf "%-18s %6d of %d (%d are in this tree)\n", "widely quoted", loads, all, known
              print loads + 0, all > to
              if (missing) print "  not loadable:" missing }' "$1"
}

measure() {                       # TITLE VALIDATE-OPTION...
    local start title=$1
    shift
    start=$(date +%s%N)
    "$assay" validate "$tree" --format csv "$@" > "$tmp/tasks.csv" 2> "$tmp/err"
    echo "== $title"
    count "$tmp/tasks.csv"
    quoted "$tmp/tasks.csv"
    printf '%-18s %6d ms\n' 'index and load' $((($(date +%s%N) - start) / 1000000))
    read -r tasks percent < "$tmp/share"
    read -r known benchmarks < "$tmp/quoted"
    [ "$tasks" -gt 0 ] || { tail -n 3 "$tmp/err"; miss "no task was found below $tree"; }
}

below() { awk -v a="$1" -v b="$2" 'BEGIN { exit !(a < b) }'; }

measure 'without Python'
! below "$percent" $least || miss "$percent % of the tasks load without Python, promised $least"
[ "$known" -ge $least_native ] || miss "$known of $benchmarks widely quoted load without Python, promised $least_native"
said="$tasks tasks: $percent % load without Python, $known of $benchmarks widely quoted"

if "$bare" --version > /dev/null 2>&1; then
    measure "--allow-task-code, $("$bare" --version)" --allow-task-code --task-code-python "$bare"
    ! below "$percent" $least_python || miss "$percent % of the tasks load with Python, promised $least_python"
    [ "$known" -ge $least_quoted ] || miss "$known of $benchmarks widely quoted load with a bare Python, promised $least_quoted"
    echo "modules that are missing here, and how many tasks need them first:"
    sed -n "s/.*needs python module '\([^']*\)'.*/\1/p" "$tmp/tasks.csv" | sort | uniq -c | sort -rn |
        awk '{ printf "  %-16s %6d\n", $2, $1 }'
    said="$said; $percent %, $known with a bare one"
else
    said="$said; no '$bare' for the rest"
fi

# need_venv ends the script where there is none: asked in a shell of its own first.
if lacks=$(need_venv); then
    need_venv
    measure "--allow-task-code, lm_eval's own Python $pyversion" --allow-task-code --task-code-python "$python"
    [ "$known" -ge $least_quoted ] || miss "$known of $benchmarks widely quoted load with Python, promised $least_quoted"
    said="$said; $percent %, $known with lm_eval's"
else
    said="$said; $lacks"
fi
summary "$said"
