#!/bin/bash
# nights.sh - sixty real nights of one machine and twenty of another: a real model measured every night, and
# gated, with a slow-down and another quantization planted; both databases brought into one, and its reports
# opened in a browser.  Real BLiMP where it is at hand, else tasks that come with assay.
. tests/cli/lib.sh
command -v python3 > /dev/null || { echo "skipped: no python3 to drive a browser with"; exit 77; }
command -v chromium > /dev/null || command -v chromium-browser > /dev/null || command -v google-chrome > /dev/null ||
    { echo "skipped: no chromium here"; exit 77; }
nights=60 others=20 slow=46 coarse=51
model=ref tasks='mini_qa, mini_arithmetic' data=''
if [ -e ../shared/models/stories260K.gguf ] && [ -e ../shared/datasets/blimp ]; then
    model=$PWD/../shared/models/stories260K.gguf data="data: [$PWD/../shared/datasets]"
    tasks=$(ls ../shared/datasets/blimp | sed -n 's/[.]jsonl$//p' | head -n 3 | sed 's/^/blimp_/' | paste -sd,)
fi

suite() {                          # FILE PRECISION : of the third variant
    cat > "$1" << Y
models:
  - {model: $model, variants: [fp32, int8, {name: small, precision: $2}]}
tasks: [$tasks]
$data
limit: 80
kl-docs: 8
bootstrap: 20
scenarios:
  - {name: prompt, kind: prefill, prompt: 16, repetitions: 3, warmup: 0}
  - {name: chat, kind: decode, prompt: 8, generate: 8, repetitions: 3, warmup: 0}
gate: {segments: [dataset], use-dirty: true, aa-blocks: 0, ab-blocks: 0}
Y
}
judged() {                         # ARG... : a verdict, whatever it is
    "$ASSAY" gate "$@" --quiet --json "$T/gate.json" > "$T/gate.out" 2>&1
    case $? in 0 | 10 | 11 | 12) ;; *) fail "exit status $?: gate $*"; cat "$T/gate.out" >&2 ;; esac
}
change() {                         # DB SQL
    sqlite3 "$1" "$2" > "$T/.sql" 2>&1 || { fail "sqlite3: $2"; cat "$T/.sql" >&2; }
}
# One night, put on its day.  How long int8 takes to decode is written over, within 2 %, so that what is found
# does not hang on what else this computer does; from $slow on it is ten times as much.
night() {                          # DB NIGHT
    local file=$T/fine.yaml factor=1
    [ "$2" -lt "$coarse" ] || file=$T/coarse.yaml
    [ "$2" -lt "$slow" ] || factor=10
    "$ASSAY" run "$file" --db "$1" --quiet > "$T/.run" 2>&1 || { fail "night $2"; cat "$T/.run" >&2; }
    change "$1" "UPDATE run SET ended_ns = $2 * 86400000000000 + 1785000000000000000 + ended_ns - started_ns,
        started_ns = $2 * 86400000000000 + 1785000000000000000 WHERE id = (SELECT max(id) FROM run);
        UPDATE sample SET token_ns = NULL, is_dirty = 0,
        wall_ns = $factor * (200000000 + (rep * 7919 + $2 * 104729) % 4001 * 1000) WHERE job_id IN (SELECT j.id FROM job j
        JOIN run_variant v ON v.id = j.run_variant_id WHERE v.run_id = (SELECT max(id) FROM run)
        AND v.name = 'int8' AND j.name = 'chat');"
    judged "$file" --db "$1" --no-run
}

suite "$T/fine.yaml" int4
suite "$T/coarse.yaml" int2
for n in $(seq $nights); do night "$T/one.db" "$n"; done
python3 - "$T/gate.json" << 'PY' || fail "the planted slow-down was not found"
import json, sys
doc = json.load(open(sys.argv[1]))
rows = {r["name"]: r["state"] for r in doc["rows"]}
assert doc["exit_code"] in (10, 11) and rows["decode/chat/int8"] == "confirmed", rows   # 11: a canary shifted too
PY
slow=1000 coarse=1000
for n in $(seq $others); do night "$T/two.db" $((nights - others - 1 + n)); done
change "$T/two.db" "UPDATE machine SET uid = 'second', name = 'second', class = 'second-class';
    DELETE FROM finding; DELETE FROM gate;"
judged "$T/fine.yaml" --db "$T/two.db" --no-run

expect 0 "one.db: runs: $nights added" "$ASSAY" db merge "$T/one.db" "$T/two.db" --db "$T/all.db"
grep -q "two.db: runs: $others added$" "$T/.out" || fail "the second machine's nights did not come"
expect 0 "two.db: runs: 0 added, $others here already" "$ASSAY" db merge "$T/one.db" "$T/two.db" --db "$T/all.db"
expect 0 "no findings" "$ASSAY" db check --db "$T/all.db"
equal "$("$ASSAY" history decode --variant int8 --machine second --format csv --db "$T/all.db" | wc -l)" $((others + 1)) \
    "lines of the second machine's history"
equal "$("$ASSAY" history decode --variant int8 --format csv --db "$T/all.db" | wc -l)" $((nights + others + 1)) \
    "lines of both histories"

# One machine with its bases and nights, both side by side, and with every item.
"$ASSAY" report --db "$T/all.db" --html "$T/one.html" > /dev/null || fail "no report of the newest run"
"$ASSAY" report --db "$T/all.db" --run machines --html "$T/both.html" > /dev/null || fail "no report of both machines"
"$ASSAY" report --db "$T/all.db" --run machines --full --html "$T/full.html" > /dev/null || fail "no report of every item"
for page in one both; do
    [ "$(wc -c < "$T/$page.html")" -lt 2000000 ] || fail "$page.html is larger than 2 MB"
done
grep -q 'second' "$T/both.html" || fail "the second machine is not in the report"
for page in one both full; do
    python3 tests/reports/browser.py "$T/$page.html" > "$T/browser.out" 2>&1 ||
        { fail "findings in $page.html"; cat "$T/browser.out" >&2; }
done
done_testing
