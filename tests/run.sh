#!/bin/bash
# run.sh PROGRAM|SCRIPT... - runs tests and ends with one line: "N passed, N failed, N skipped".
#
# A cmocka program counts each of its tests; anything else counts one (exit 0 passed, 77 skipped with
# its last line as the reason).  Scripts get ASSAY (the program) and a fresh TMPDIR of their own; all
# run in the repository's root.  TEST_WRAP is put before each program (valgrind), TEST_TIMEOUT is in
# seconds.  What a failing test printed is shown.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${BUILD:-build/release}
case $build in /*) ;; *) build=$PWD/$build ;; esac
export ASSAY=$build/assay BUILD=$build
passed=0 failed=0 skipped=0
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-tests-XXXXXX") || exit 1
chmod 711 "$tmp"   # tests that step down from root find their folders
trap 'rm -rf "$tmp"' EXIT
chmod 711 "$tmp"                    # tests that become another user must get to their files
export ASSAY_POWERCAP=$tmp/no-meter # a real one would be waited for, and change what is printed

say() { printf '%-7s %s\n' "$1" "$2"; }

# Counts the lines a cmocka program printed while its tests ran (the summary repeats failures).
count_cmocka() {
    local name=$1 line reason=''
    while IFS= read -r line; do
        case $line in
        '[==========] '*' run.') return ;;
        '[       OK ] '*) say ok "$name: ${line#*] }"; passed=$((passed + 1)); reason='' ;;
        '[  FAILED  ] '*) say FAILED "$name: ${line#*] }"; failed=$((failed + 1)); reason='' ;;
        '[  SKIPPED ] '*) say skipped "$name: ${line#*] }${reason:+ ($reason)}"; skipped=$((skipped + 1)); reason='' ;;
        '[ RUN      ] '* | '[==========] '*) reason='' ;;
        *) reason=$line ;;
        esac
    done < "$tmp/out"
}

run_one() {
    local test=$1 name rc before=$failed wrap=${TEST_WRAP:-}
    name=${test#"$build"/}
    name=${name#"${build#"$PWD"/}"/}
    mkdir -p "$tmp/work"
    case $test in *.sh) wrap='bash' ;; */*) ;; *) test=./$test ;; esac
    # shellcheck disable=SC2086  # the wrapper is several words
    TMPDIR=$tmp/work timeout "${TEST_TIMEOUT:-900}" $wrap "$test" > "$tmp/out" 2>&1 < /dev/null
    rc=$?
    rm -rf "$tmp/work"
    if grep -q '^\[==========\] Running' "$tmp/out"; then
        count_cmocka "$name"
        # Died, leaked or timed out outside any single test.
        if [ $rc -ne 0 ] && [ $failed -eq "$before" ]; then
            say FAILED "$name: exit status $rc"
            failed=$((failed + 1))
        fi
    elif [ $rc -eq 0 ]; then
        say ok "$name"; passed=$((passed + 1))
    elif [ $rc -eq 77 ]; then
        say skipped "$name ($(tail -n 1 "$tmp/out"))"; skipped=$((skipped + 1))
    else
        say FAILED "$name: exit status $rc"; failed=$((failed + 1))
    fi
    [ $failed -eq "$before" ] || sed 's/^/    | /' "$tmp/out" | tail -n 60
}

for t; do run_one "$t"; done
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
