#!/bin/bash
# run.sh - `make interop`: every comparison with other people's programs, one line each.
#
#   tests/interop/run.sh BUILD [PART...]       BUILD: the build folder; parts: all, or some of those below
#
# What a part printed is in $INTEROP_DIR/PART.log (build/interop).  Exits with 1 when a promised bound is
# missed.  A part that the machine cannot run is skipped, with the reason.
set -u
cd "$(dirname "$0")/../.." || exit 2
build=${1:?usage: run.sh BUILD [PART...]}
shift
export INTEROP_DIR=${INTEROP_DIR:-$PWD/build/interop}
mkdir -p "$INTEROP_DIR" || exit 2
[ $# -gt 0 ] || set -- coverage templates identity driving llama_ref

command_of() {
    case $1 in
    coverage|identity|driving) echo "$build/assay" ;;
    templates) echo "$build/tests/tasks/render_jsonl" ;;
    llama_ref) echo "--check $build" ;;
    *) echo "run.sh: no part '$1', expected coverage, templates, identity, driving or llama_ref" >&2; exit 2 ;;
    esac
}

for part; do command_of "$part" > /dev/null || exit 2; done
failed=0 skipped=0
printf '%-10s %-8s %7s  %s\n' part result seconds 'what was seen'
for part; do
    log=$INTEROP_DIR/$part.log start=$(date +%s)
    # shellcheck disable=SC2046  # words
    bash "tests/interop/$part.sh" $(command_of "$part") > "$log" 2>&1
    rc=$? said=$(tail -n 1 "$log")
    case $rc in
    0) result=ok ;;
    77) result=skipped skipped=$((skipped + 1)) ;;
    *) result=MISSED failed=$((failed + 1)) ;;
    esac
    printf '%-10s %-8s %7d  %s\n' "$part" "$result" $(($(date +%s) - start)) "$said"
    [ "$result" != MISSED ] || { grep '^missed: ' "$log" || tail -n 5 "$log"; } | sed 's/^/           /'
done
echo "$# parts, $failed missed, $skipped skipped; what each printed is in $INTEROP_DIR"
[ "$failed" = 0 ]
