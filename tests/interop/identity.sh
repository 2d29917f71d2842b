#!/bin/bash
# identity.sh - lm-evaluation-harness itself against assay: the same tasks, rows and answers, every key of the
# results and every line of the samples equal.
#
#   tests/interop/identity.sh ASSAY [--goldens]     --goldens: rewrites tests/identity/golden*.jsonl and golden.jsonl
#
# Promised: no difference.  Two lists: tests/identity (tasks of the project, what `make check` compares with
# goldens) and tests/interop/identity.tsv (tasks of lm-eval's own tree).  Python 3.12 and later adds scores with
# compensation, before plainly; assay is told which.
. "$(dirname "$0")/lib.sh"
assay=$(realpath "${1:?usage: identity.sh ASSAY [--goldens]}")
need_venv
tree=$("$python" -c 'import lm_eval, os; print(os.path.dirname(lm_eval.__file__) + "/tasks")')
said=

both() {                          # NAME LIST DIR TREE [--tree TREE]
    echo "== tasks of $1"
    "$python" "$here/identity.py" upstream "$2" "$3" "${@:5}" > "$3.log" 2>&1 ||
        { tail -n 5 "$3.log"; miss "upstream failed on the tasks of $1"; return; }
    grep "^upstream can't run" "$3.log"
    "$python" "$here/identity.py" assay "$2" "$3" "$assay" --tree "$4"
    "$python" "$here/identity.py" compare "$2" "$3" > "$3.said" || miss "tasks of $1: $(tail -n 1 "$3.said")"
    cat "$3.said"
    said="${said:+$said; }$1: $(tail -n 1 "$3.said")"
}
list=$here/identity.tsv
families=$(grep -v '^#\|^batch' "$list" | cut -f2 | sort -u | wc -l)
mkdir -p "$tmp/own" "$tmp/theirs"
cp -r "$here/../identity/rows" "$tmp/own/rows"
both assay "$here/../identity/identity.tsv" "$tmp/own" "$here/../identity/tasks" --tree "$here/../identity/tasks"
both lm-eval "$list" "$tmp/theirs" "$tree"

golden=golden.jsonl
case $pyversion in 3.[0-9].*|3.10.*|3.11.*) golden=golden-naive.jsonl ;; esac
if [ "${2:-}" = --goldens ]; then
    "$python" "$here/identity.py" digest "$here/../identity/identity.tsv" "$tmp/own" theirs > "$here/../identity/$golden"
    [ $golden = golden-naive.jsonl ] ||
        "$python" "$here/identity.py" digest "$list" "$tmp/theirs" theirs > "$here/golden.jsonl"
elif [ $golden = golden.jsonl ]; then
    "$python" "$here/identity.py" check "$here/golden.jsonl" "$list" "$tmp/theirs" ours > "$tmp/checked" ||
        miss "$(tail -n 1 "$tmp/checked")"
    cat "$tmp/checked"
fi
summary "$said ($families families, Python $pyversion)"
