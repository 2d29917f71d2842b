# lib.sh - what the command-line tests share.  Sourced with the repository as working directory.
#
#   expect CODE PATTERN COMMAND...   runs it; the exit code must be CODE and stdout+stderr, taken
#                                    together, must hold the extended regular expression PATTERN
#   golden NAME COMMAND...           stdout must equal tests/cli/NAME.stdout (UPDATE=1 rewrites it)
#   equal GOT WANTED WHAT            two texts must be the same
#   models                           writes the models of make_models.c into $T/models, once
#   sql FILE QUERY                   first column of each row
# $T is a fresh folder, $smoke the folder of the shipped toy tasks.
# shellcheck shell=bash disable=SC2034
set -u
ASSAY=${ASSAY:-$PWD/${BUILD:-build/release}/assay}
case $ASSAY in /*) ;; *) ASSAY=$PWD/$ASSAY ;; esac
T=$(mktemp -d "${TMPDIR:-/tmp}/assay-cli-XXXXXX")
trap 'chmod -R u+w "$T" 2>/dev/null; rm -rf "$T"' EXIT
smoke=$PWD/tasks/library/smoke
failures=0
unset ASSAY_DATA ASSAY_BACKEND_PATH ASSAY_CPU NO_COLOR
export ASSAY_POWERCAP=$T/no-meter
export LC_ALL=C.UTF-8

fail() {
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}
expect() {
    local code=$1 pattern=$2 got
    shift 2
    "$@" > "$T/.out" 2>&1 < /dev/null
    got=$?
    if [ "$got" != "$code" ]; then
        fail "exit code $got, not $code: $*"
        sed 's/^/    /' "$T/.out" >&2
    elif ! grep -qE -- "$pattern" "$T/.out"; then
        fail "output lacks /$pattern/: $*"
        sed 's/^/    /' "$T/.out" >&2
    fi
}
golden() {
    local name=$1
    shift
    "$@" > "$T/.out" 2> "$T/.err" < /dev/null || fail "exit code $?: $*"
    golden_file "$name" "$T/.out"
}
golden_file() {                   # NAME FILE
    if [ "${UPDATE:-}" = 1 ]; then
        cp "$2" "tests/cli/$1.stdout"
    elif ! diff -u "tests/cli/$1.stdout" "$2" > "$T/.diff"; then
        fail "output differs from tests/cli/$1.stdout"
        sed 's/^/    /' "$T/.diff" >&2
    fi
}
equal() {
    [ "$1" = "$2" ] || fail "$3: '$1', not '$2'"
}
done_testing() {
    [ "$failures" = 0 ]
    exit
}
# Skips the test unless this file of real data is there.
needs() {
    [ -e "$1" ] || { echo "skipped: no $1"; exit 77; }
}
models() {
    [ -d "$T/models" ] && return
    mkdir "$T/models" && "$(dirname "$ASSAY")/tests/cli/make_models" "$T/models" || fail "no models"
}
sql() {
    sqlite3 -readonly "$1" "$2"
}
