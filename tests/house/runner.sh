#!/bin/bash
# The runner counts passes, failures, skips and deaths, and its last line and status say so.
set -u
t=$TMPDIR
printf 'exit 0\n' > "$t/a.sh"
printf 'echo no such thing here; exit 77\n' > "$t/b.sh"
printf 'echo wrong answer; exit 1\n' > "$t/c.sh"
cat > "$t/cmocka" <<'END'
#!/bin/sh
echo '[==========] Running 3 test(s).'
echo '[ RUN      ] one'; echo '[       OK ] one'
echo '[ RUN      ] two'; echo 'because'; echo '[  SKIPPED ] two'
echo '[ RUN      ] three'; echo '[  FAILED  ] three'
echo '[==========] 3 test(s) run.'
echo '[  FAILED  ] three'
exit 1
END
cat > "$t/dies" <<'END'
#!/bin/sh
echo '[==========] Running 2 test(s).'
echo '[ RUN      ] one'; echo '[       OK ] one'
kill -9 $$
END
chmod +x "$t/cmocka" "$t/dies"
ends() {            # ends STATUS LAST_LINE TEST...
    local status=$1 want=$2 out rc
    shift 2
    out=$(tests/run.sh "$@")
    rc=$?
    [ "$rc" -eq "$status" ] && [ "$(printf '%s\n' "$out" | tail -n 1)" = "$want" ] && return
    printf 'expected status %s and "%s", got %s and:\n%s\n' "$status" "$want" "$rc" "$out"
    exit 1
}
ends 0 '1 passed, 0 failed, 1 skipped' "$t/a.sh" "$t/b.sh"
ends 1 '2 passed, 2 failed, 2 skipped' "$t/a.sh" "$t/b.sh" "$t/c.sh" "$t/cmocka"
ends 1 '1 passed, 1 failed, 0 skipped' "$t/dies"
tests/run.sh "$t/b.sh" | grep -q 'skipped .*b.sh (no such thing here)' || exit 1
tests/run.sh "$t/c.sh" | grep -q '| wrong answer' || exit 1
