#!/bin/bash
# failures.sh - what goes wrong while a run goes on: interruption, kill -9, backends that crash, hang,
# use up memory or lie; and what the terminal shows meanwhile.
. tests/cli/lib.sh

mock=("$ASSAY" run --backend mock --scenario none --bootstrap 20 --tasks smoke)
# All answers and scores, in an order of their own.
content() {
    sql "$1" "SELECT v.uid, hex(r.request), r.logprob, r.text, r.finish FROM response r JOIN variant v ON v.id = r.variant_id ORDER BY 1, 2;
        SELECT v.name, j.name, m.metric, m.filter, s.idx, s.value, s.weight FROM score s JOIN job j ON j.id = s.job_id
            JOIN run_variant v ON v.id = j.run_variant_id JOIN measure m ON m.id = s.measure_id ORDER BY 1, 2, 3, 4, 5;
        SELECT v.name, j.name, m.metric, m.filter, r.value, r.stderr, r.n FROM result r JOIN run_variant v ON v.id = r.run_variant_id
            LEFT JOIN job j ON j.id = r.job_id JOIN measure m ON m.id = r.measure_id ORDER BY 1, 2, 3, 4, 5"
}
same() {                          # DB DB WHAT
    content "$1" > "$T/.one" && content "$2" > "$T/.two"
    [ -s "$T/.one" ] || fail "no content in $1"
    cmp -s "$T/.one" "$T/.two" || fail "$3: the databases differ"
}

# -- Ctrl-C, then the command that it names ------------------------------------------------------------
slow=("${mock[@]}" --precision fp32,int4 --option slow-ns=10000000)
expect 0 "2 of 2" "${slow[@]}" --db "$T/whole.db"
"${slow[@]}" --db "$T/cut.db" > "$T/.int" 2>&1 < /dev/null &
pid=$!
for _ in $(seq 200); do [ "$(sql "$T/cut.db" 'SELECT count(*) FROM response' 2> /dev/null || echo 0)" -gt 5 ] && break; sleep 0.02; done
kill -INT $pid
wait $pid
equal $? 5 "exit code after Ctrl-C"
grep -q "interrupted; everything answered is kept. To go on:" "$T/.int" || fail "Ctrl-C does not say how to go on: $(cat "$T/.int")"
again=$(grep -A1 "To go on:" "$T/.int" | tail -n 1 | sed "s|^ *assay|'$ASSAY'|")
equal "$(sql "$T/cut.db" 'SELECT status FROM run')" interrupted "status after Ctrl-C"
expect 0 "goes on" bash -c "$again"
grep -qE ' [1-9][0-9]* from the store' "$T/.out" || fail "what was answered was asked again"
equal "$(sql "$T/cut.db" 'SELECT count(*), status FROM run')" "1|done" "runs after going on"
same "$T/whole.db" "$T/cut.db" "after Ctrl-C"

# -- kill -9 through the whole program -----------------------------------------------------------------
for i in 1 2 3 4 5; do
    "${slow[@]}" --db "$T/kill.db" > "$T/.kill" 2>&1 < /dev/null &
    pid=$!
    sleep "0.$((RANDOM % 40 + 10))"
    kill -9 $pid 2> /dev/null
    wait $pid 2> /dev/null
done
expect 0 "2 of 2" "${slow[@]}" --db "$T/kill.db"
equal "$(sql "$T/kill.db" "SELECT count(*) FROM run WHERE status <> 'done'")" 0 "unfinished runs after kill -9"
equal "$(sql "$T/kill.db" "SELECT count(*) FROM response")" "$(sql "$T/whole.db" "SELECT count(*) FROM response")" "responses after kill -9"
expect 0 "no findings" "$ASSAY" db check --db "$T/kill.db"

# -- variants that fail; the others finish -------------------------------------------------------------
cat > "$T/bad.yaml" << Y
models:
  - backend: mock
    variants:
      - {name: good, precision: fp32}
      - {name: errs, precision: fp32, seed: 2, error-at: 9}
      - {name: crashes, precision: fp32, seed: 3, crash-at: 9}
      - {name: hangs, precision: fp32, seed: 4, hang-at: 9}
      - {name: eats, precision: fp32, seed: 5, oom-at: 9}
      - {name: lies, precision: fp32, seed: 6, lie: nan}
      - {name: overruns, precision: fp32, seed: 7, lie: overrun}
      - {name: brags, precision: fp32, seed: 8, lie: info}
      - {name: last, precision: int4}
reference: good
tasks: [$smoke/smoke_choice.yaml]
scenarios: [none]
timeout: 1
memory-limit: 4G
Y
# Address space cannot be limited under sanitizers: they map terabytes.
grep -q __asan_init "$ASSAY" && sed -i '/memory-limit/d; /oom-at/d' "$T/bad.yaml"
grep -q __tsan_init "$ASSAY" && sed -i '/memory-limit/d; /oom-at/d' "$T/bad.yaml"
expect 4 "2 of [89] variants" "$ASSAY" run "$T/bad.yaml" --db "$T/bad.db"
grep -q "$(printf '[\r\033]')" "$T/.out" && fail "progress is not in plain lines where no terminal is"
status() { sql "$T/bad.db" "SELECT status || ': ' || coalesce(reason, '') FROM run_variant WHERE name = '$1'"; }
like() {                          # VARIANT PATTERN
    status "$1" | grep -qE "$2" || fail "variant $1 is '$(status "$1")', not like /$2/"
}
like good '^done: $'
like last '^done: $'
like errs '^failed: .*scripted error at request 9'
like crashes '^crashed: .*signal 11 .SIGSEGV. in task .smoke_choice'
like hangs '^timeout: no progress for 1 seconds in task'
grep -q oom-at "$T/bad.yaml" && like eats '^failed: .*out of memory'
like lies '^failed: '
like overruns '^failed: '
like brags '^failed: '
equal "$(sql "$T/bad.db" 'SELECT status FROM run')" partial "status of the run"
expect 0 "no findings" "$ASSAY" db check --db "$T/bad.db"
expect 0 "crashes .*(SIGSEGV|crashed)|crashed" "$ASSAY" compare --db "$T/bad.db"
expect 3 "crashed: killed by signal 11" "${mock[@]}" --option crash-at=1 --db "$T/none.db"

# -- terminals -----------------------------------------------------------------------------------------
if ! script -qefc true /dev/null > /dev/null 2>&1 < /dev/null; then
    echo "terminals: none can be made here"
else
    tty() { script -qefc "$*" /dev/null < /dev/null; }
    TERM=xterm tty "'$ASSAY' compare --db '$T/whole.db'" > "$T/colored"
    NO_COLOR=1 TERM=xterm tty "'$ASSAY' compare --db '$T/whole.db'" > "$T/plain"
    grep -q "$(printf '\033\\[')" "$T/plain" && fail "NO_COLOR is not heeded"
    sed "s/$(printf '\033')\\[[0-9;]*m//g" "$T/colored" | cmp -s - "$T/plain" || fail "colors change more than colors"
    TERM=xterm tty "'$ASSAY' run --backend mock --scenario none --tasks smoke_choice --option slow-ns=20000000 --db '$T/tty.db'" > "$T/shown"
    grep -q "$(printf '\r')default smoke_choice  [0-9]*/5" "$T/shown" || fail "a terminal shows no progress line"
fi

# -- hostile texts -------------------------------------------------------------------------------------
esc=$(printf '\033')
cat > "$T/hostile.yaml" << 'Y'
task: hostile
dataset_path: json
dataset_kwargs: {data_files: {test: hostile.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: ["\e[31myes\a", "no\r\b"]
doc_to_target: 0
Y
printf '{"q": "\\u001b[2J\\u001b]0;owned\\u0007 \\u202eevil \\u0000 \\u009b31m"}\n' > "$T/hostile.jsonl"
cat > "$T/names.yaml" << Y
models:
  - backend: mock
    variants: [{name: "a\e[31mb", precision: fp32}, {name: "=cmd()", precision: int4}]
tasks: [$T/hostile.yaml]
scenarios: [none]
Y
expect 0 "2 of 2" "$ASSAY" run "$T/names.yaml" --db "$T/hostile.db"
cat "$T/.out" > "$T/all"
for command in show "show --task hostile" "show --task hostile --item 0" "compare" "compare --wide" "list variants" "list runs"; do
    # shellcheck disable=SC2086
    "$ASSAY" $command --db "$T/hostile.db" >> "$T/all" 2>&1 || fail "$command on hostile texts"
done
LC_ALL=C grep -qE "$esc|$(printf '[\a\b\r]')|$(printf '\xc2\x9b')|$(printf '\xe2\x80\xae')" "$T/all" && fail "a terminal would obey this: $(LC_ALL=C grep -aE "$esc|$(printf '[\a\b\r]')|$(printf '\xc2\x9b')|$(printf '\xe2\x80\xae')" "$T/all" | head -3 | od -c | head)"
"$ASSAY" report --db "$T/hostile.db" --csv "$T/csv" > /dev/null || fail "report of hostile texts"
grep -qE '(^|,)"?=cmd' "$T"/csv/*.csv && fail "a spreadsheet would run a variant's name"
done_testing
