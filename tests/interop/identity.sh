#!/bin/bash
# identity.sh - lm-evaluation-harness itself against assay: the same tasks, rows and answers, every key of the
# results and every line of the samples equal.
#
#   tests/interop/identity.sh ASSAY [--goldens]     --goldens: rewrites tests/identity/golden*.jsonl and golden.jsonl
#
# Two lists: tests/identity (tasks of the project, what `make check` compares with goldens) and
# tests/interop/identity.tsv (tasks of lm-eval's own tree).  lm_eval comes from PyPI into a throw-away folder, by
# $PYTHON (python3): 3.12 and later add scores with compensation, before plainly; assay is told which.
# $LM_EVAL_VENV: an environment that has lm_eval already.  Without network it says so and ends with 0.
set -u
here=$(cd "$(dirname "$0")" && pwd)
assay=$(realpath "${1:?usage: identity.sh ASSAY [--goldens]}")
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-identity-XXXXXX")
trap 'rm -rf "$tmp"' EXIT

venv=${LM_EVAL_VENV:-$tmp/venv}
if [ ! -x "$venv/bin/python" ]; then
    if ! "${PYTHON:-python3}" -m venv "$venv" > "$tmp/log" 2>&1 ||
        ! "$venv/bin/pip" install -q --only-binary :all: lm_eval > "$tmp/log" 2>&1; then
        echo "skipped: lm_eval can't be had: $(tail -n 1 "$tmp/log")"
        exit 0
    fi
fi
python=$venv/bin/python
export HF_HOME=$tmp/hf PYTHONDONTWRITEBYTECODE=1
tree=$("$python" -c 'import lm_eval, os; print(os.path.dirname(lm_eval.__file__) + "/tasks")')
version=$("$python" -c 'import sys, importlib.metadata as m; print("%d.%d" % sys.version_info[:2], m.version("lm_eval"))')
echo "Python and lm_eval: $version"
failed=0

both() {                          # LIST DIR TREE [--tree TREE]
    "$python" "$here/identity.py" upstream "$1" "$2" "${@:4}" > "$2.log" 2>&1 ||
        { echo "upstream failed:"; tail -n 5 "$2.log"; failed=1; return; }
    "$python" "$here/identity.py" assay "$1" "$2" "$assay" --tree "$3"
    "$python" "$here/identity.py" compare "$1" "$2" || failed=1
}
mkdir -p "$tmp/own" "$tmp/theirs"
echo "== tasks of the project"
cp -r "$here/../identity/rows" "$tmp/own/rows"
both "$here/../identity/identity.tsv" "$tmp/own" "$here/../identity/tasks" --tree "$here/../identity/tasks"
echo "== tasks of lm-eval: $(grep -vc '^#\|^batch' "$here/identity.tsv") of $(grep -v '^#\|^batch' "$here/identity.tsv" | cut -f2 | sort -u | wc -l) families"
both "$here/identity.tsv" "$tmp/theirs" "$tree"

golden=golden.jsonl
case $version in 3.[0-9].*|3.[0-9]\ *|3.10\ *|3.11\ *) golden=golden-naive.jsonl ;; esac
if [ "${2:-}" = --goldens ]; then
    "$python" "$here/identity.py" digest "$here/../identity/identity.tsv" "$tmp/own" theirs > "$here/../identity/$golden"
    [ $golden = golden-naive.jsonl ] ||
        "$python" "$here/identity.py" digest "$here/identity.tsv" "$tmp/theirs" theirs > "$here/golden.jsonl"
elif [ $golden = golden.jsonl ]; then
    "$python" "$here/identity.py" check "$here/golden.jsonl" "$here/identity.tsv" "$tmp/theirs" ours || failed=1
fi
exit $failed
