#!/bin/bash
# stopping.sh - a run that stops early, as a user sees it: what is said, compared, listed, graded again.
. tests/cli/lib.sh
export ASSAY_BACKEND_PATH=${BUILD:-build/release}/backends
awk 'BEGIN { for (i = 0; i < 2000; i++) printf "{\"q\": \"item %d says\", \"good\": \"no %d\", \"bad\": \"yes %d\"}\n",
    i % 97, i * 3 % 83, i * 7 % 89 }' > "$T/rows.jsonl"
cat > "$T/pairs.yaml" <<'Y'
task: pairs
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_target: 0
doc_to_choice: "{{[good, bad]}}"
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
Y
cat > "$T/s.yaml" <<Y
models:
  - model: any
    backend: mock
    variants:
      - {name: ref, precision: fp32}
      - {name: fine, precision: int8}
      - {name: noisy, precision: fp32, noise: 50}
tasks: [$T/pairs.yaml]
scenario: none
kl-docs: 0
stop-when: decided
margin: 3pp
Y
db=$T/s.db
expect 0 "fine pairs: done: decided, pass, after [0-9]+ of 2000 items" "$ASSAY" run "$T/s.yaml" --db "$db"
expect 0 "stopped early: [0-9]+ items were not needed" "$ASSAY" run "$T/s.yaml" --db "$T/again.db"
equal "$(sqlite3 "$db" 'SELECT group_concat(verdict) FROM decision')" "pass,fail" "decisions"
equal "$(sqlite3 "$db" 'SELECT * FROM decision')" "$(sqlite3 "$T/again.db" 'SELECT * FROM decision')" "two runs"
expect 0 "no findings" "$ASSAY" db check --db "$db"
expect 10 "fine +a loss of 3 pp is ruled out" "$ASSAY" compare --check --db "$db"
expect 0 "noisy +worse by more than 3 pp|confidence sequence" "$ASSAY" compare --db "$db"
expect 0 "margin 3 pp" "$ASSAY" compare --db "$db"
expect 0 "stopping early saved" "$ASSAY" compare --db "$db"
before=$(sqlite3 "$db" 'SELECT job_id, idx, value FROM score ORDER BY 1, 2' | md5sum)
expect 0 "" "$ASSAY" grade --db "$db"
equal "$(sqlite3 "$db" 'SELECT job_id, idx, value FROM score ORDER BY 1, 2' | md5sum)" "$before" "scores after grading"
expect 0 '"stopped": true' "$ASSAY" results --format json --db "$db"
expect 2 "expected 'decided', found 'soon'" "$ASSAY" run "$T/s.yaml" --stop-when soon --db "$T/x.db"
expect 2 "expected percentage points" "$ASSAY" run "$T/s.yaml" --margin 3% --db "$T/x.db"
expect 2 "go with 'stop-when: decided'" "$ASSAY" run --backend mock --precision fp32,int8 --tasks smoke --margin 2pp --db "$T/x.db"
[ -e "$T/x.db" ] && fail "bad input left a database"
done_testing
