#!/bin/bash
# gate.sh - nights through `assay gate` as a job runner sees them: exit status, JUnit, JSON, Markdown; a
# planted slow-down confirmed in turns the same night; acknowledgement and baseline.
. tests/cli/lib.sh
command -v python3 > /dev/null || { echo "skipped: no python3 to read XML with"; exit 77; }
export ASSAY_BACKEND_PATH=${BUILD:-build/release}/backends
db=$T/g.db

suite() {                          # FILE SLOW_NS : a request takes that long
    cat > "$1" <<Y
models:
  - {model: any, backend: mock, options: {slow-ns: $2}, variants: [{name: "int8<b>&\"", precision: int8}]}
tasks: [smoke_choice]
task-dir: [$PWD/tasks/library]
scenarios: [{kind: prefill, prompt: 8, repetitions: 3, warmup: 0}]
kl-docs: 0
gate:
  metrics: [prefill, accuracy]
  segments: [dataset]
  speed: 40
  margin: 50
  use-dirty: true
  canary: false
  aa-blocks: 0
  ab-blocks: 6
Y
}
# What a CI job does: run, look at the status, read the report.  Says "green", "red" or "broken".
ci_job() {                         # ARG...
    "$ASSAY" gate "$@" --db "$db" --quiet --junit "$T/j.xml" --json "$T/j.json" --markdown "$T/j.md" \
        > "$T/gate.out" 2> "$T/gate.err"
    code=$?
    python3 - "$T/j.xml" "$T/j.json" "$code" <<'PY' || return 1
import datetime, json, sys
import xml.etree.ElementTree as ET
suites, doc, code = ET.parse(sys.argv[1]).getroot(), json.load(open(sys.argv[2])), int(sys.argv[3])
suite = suites.find("testsuite")
cases = suite.findall("testcase")
bad = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
assert int(suite.get("tests")) == len(cases) > 0
# Elements and attributes that the schema of Jenkins and GitLab knows, required ones first.
schema = {"testsuites": (["testsuite"], ""), "property": ([], "name value"), "properties": (["property"], ""),
          "testsuite": (["properties", "testcase"], "name tests failures errors skipped timestamp time hostname"),
          "testcase": (["failure", "error", "skipped"], "name classname time"),
          "failure": ([], "message type"), "error": ([], "message type"), "skipped": ([], "message")}
for e in suites.iter():
    inner, attributes = schema[e.tag]
    assert all(c.tag in inner for c in e) and len({c.tag for c in e}) <= (2 if e.tag == "testsuite" else 1), e.tag
    assert all(a in e.attrib for a in attributes.split()) and set(e.attrib) <= set(attributes.split()), e.attrib
    assert not (e.text or "").strip() and float(e.get("time", 0)) >= 0
assert datetime.datetime.strptime(suite.get("timestamp"), "%Y-%m-%dT%H:%M:%S").year >= 2020
assert int(suite.get("skipped")) == len([c for c in cases if c.find("skipped") is not None])
assert int(suite.get("failures")) == len([c for c in cases if c.find("failure") is not None])
assert int(suite.get("errors")) == len([c for c in cases if c.find("error") is not None])
assert doc["exit_code"] == code, (doc["exit_code"], code)
assert (code in (0, 13)) == (not bad), "the report and the exit status disagree"
print("green" if not bad else "red" if code == 10 else "broken")
PY
}
night() {                          # CODE COLOUR ARG...
    local want=$1 colour=$2 got
    shift 2
    got=$(ci_job "$@") || fail "the report cannot be read: $*"
    got_code=$(python3 -c "import json; print(json.load(open('$T/j.json'))['exit_code'])")
    if [ "$got_code $got" != "$want $colour" ]; then
        fail "exit status $got_code, $got; expected $want, $colour: gate $*"
        cat "$T/gate.out" "$T/gate.err" >&2
    fi
}

# Long enough to stand out of what a busy machine adds.
suite "$T/good.yaml" 40000000
suite "$T/slow.yaml" 240000000
expect 2 "unknown key 'sped' of the gate.*did you mean 'speed'" bash -c \
    "sed 's/speed:/sped:/' '$T/good.yaml' > '$T/typo.yaml'; '$ASSAY' gate '$T/typo.yaml' --db '$db'"
expect 2 "unknown word 'speeed', expected some of" "$ASSAY" gate "$T/good.yaml" --db "$db" --metrics speeed
[ -e "$db" ] && fail "a refused gate left a database"

# The paired test needs another fingerprint or the same answers; history needs eight nights.
for _ in 1 2 3 4 5 6 7 8; do night 12 broken "$T/good.yaml"; done
night 0 green "$T/good.yaml"
night 10 red "$T/slow.yaml"
grep -q "last good and tonight in turns, 6 blocks" "$T/gate.out" || { fail "no a/b re-run"; cat "$T/gate.out"; }
grep -q '<b>' "$T/j.xml" "$T/j.md" && fail "a hostile name got through"
[ "$(sqlite3 "$db" "SELECT count(*) FROM rerun WHERE kind = 'a/b' AND b < a" 2> /dev/null || echo 6)" = 6 ] ||
    fail "the blocks were not kept"
night 10 red "$T/slow.yaml" --no-run
expect 10 "^regression \(10\)" "$ASSAY" gate "$T/slow.yaml" --no-run --db "$db"

id=$(python3 -c "import json; print([r['series'] for r in json.load(open('$T/j.json'))['rows'] if r['state'] == 'confirmed'][0])")
expect 2 "reason is required" "$ASSAY" ack "$id" --db "$db"
expect 2 "expected a day like" "$ASSAY" ack "$id" --reason x --until tomorrow --db "$db"
expect 2 "a day before 2200" "$ASSAY" ack "$id" --reason x --until 2999-01-31 --db "$db"
expect 2 "nothing is open about series 'ffffffff'" "$ASSAY" ack ffffffff --reason x --db "$db"
expect 0 "acknowledged until 2199-01-31" "$ASSAY" ack "$id" --reason "<new> scheduler" --until 2199-01-31 --db "$db"
night 0 green "$T/slow.yaml" --no-run
grep -q "<new>" "$T/j.xml" && fail "a hostile reason got through"
expect 0 "acknowledged" "$ASSAY" ack "$id" --reason "over" --until 2000-01-31 --db "$db"
night 10 red "$T/slow.yaml" --no-run

expect 0 "no baseline is set" "$ASSAY" baseline show --db "$db"
expect 0 "^baseline: run " "$ASSAY" baseline set --reason "slower by design" --db "$db"
expect 0 "slower by design" "$ASSAY" baseline show --db "$db"
expect 2 "unknown action 'shwo'" "$ASSAY" baseline shwo --db "$db"
night 0 green "$T/slow.yaml" --no-run
expect 0 "prefill/prefill:8" "$ASSAY" history --db "$db"
"$ASSAY" history prefill --db "$db" --format csv | python3 -c "
import csv, sys
rows = list(csv.DictReader(sys.stdin))
assert len(rows) == 10 and all(float(r['value']) > 0 for r in rows), rows" || fail "history as CSV"
"$ASSAY" history prefill --db "$db" --format json | python3 -c "
import json, sys
s = json.load(sys.stdin)
assert len(s) == 1 and len(s[0]['points']) == 10, s" || fail "history as JSON"
expect 0 "no findings" "$ASSAY" db check --db "$db"

# A night on which nothing could be measured is neither green nor a regression.
sed 's/slow-ns: 40000000/crash-at: 1/' "$T/good.yaml" > "$T/crash.yaml"
night 3 broken "$T/crash.yaml"
done_testing
