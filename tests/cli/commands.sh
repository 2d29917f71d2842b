#!/bin/bash
# commands.sh - every command over a run of the mock backend and one of a tiny model: what is printed,
# what is written, and the exit codes scripts rely on.
. tests/cli/lib.sh

# What differs from run to run: ids, the machine, times, memory.
plain() {
    sed -E 's/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/UID/g
            s/20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC/TIME/; s/ on [^ ]+$/ on MACHINE/
            s/ +[0-9.]+  (base|pass|fail|inconclusive)$/  MIB  \1/; s/^(variant .*) +MIB  verdict/\1 MIB  verdict/'
}
mock=("$ASSAY" run --backend mock --scenario none --bootstrap 100)

# -- run, results, compare, show on the mock backend ---------------------------------------------------
db=$T/mock.db
expect 0 "2 of 2 variants, 56 items, [0-9]+ requests asked, 0 from the store" \
    "${mock[@]}" --tasks smoke --precision fp32,int4 --db "$db"
expect 0 "2 of 2 variants, 56 items, 0 requests asked, [0-9]+ from the store" \
    "${mock[@]}" --tasks smoke --precision fp32,int4 --db "$db"
"$ASSAY" results --db "$db" > "$T/results.csv" || fail "results"
cut -d, -f3- "$T/results.csv" > "$T/plain.csv"
golden_file results "$T/plain.csv"
"$ASSAY" results --db "$db" --format json > "$T/results.json" || fail "results --format json"
jq -r '.[] | [.variant, .task, .metric, .filter] | join(",")' "$T/results.json" > "$T/from-json"
tail -n +2 "$T/results.csv" | cut -d, -f3-6 | cmp -s - "$T/from-json" || fail "JSON and CSV results differ"
equal "$(jq '[.[].value | numbers] | length > 10' "$T/results.json")" true "numbers in JSON"
expect 2 "unknown value|expected one of csv, json" "$ASSAY" results --db "$db" --format xml
"$ASSAY" compare --db "$db" 2>&1 | plain > "$T/compare"
golden_file compare "$T/compare"
expect 0 "p mid" "$ASSAY" compare --db "$db" --wide
expect 0 "base int4" "$ASSAY" compare --db "$db" --base int4
expect 2 "did you mean 'int4'|'int5'" "$ASSAY" compare --db "$db" --base int5
expect 0 "smoke_choice +acc_norm|acc_norm" "$ASSAY" compare --db "$db" --metric acc_norm --wide
golden show-item "$ASSAY" show --db "$db" --task smoke_choice --item 1
expect 0 "^fp32 +acc +none" "$ASSAY" show --db "$db" --task smoke_choice
expect 0 "^fingerprint +[0-9a-f]{64}" "$ASSAY" show --db "$db" --variant int4
expect 0 "^command +assay run --backend mock" "$ASSAY" show --db "$db"
expect 2 "smoke_choise|did you mean" "$ASSAY" show --db "$db" --task smoke_choise
expect 2 "item 99|99" "$ASSAY" show --db "$db" --task smoke_choice --item 99
expect 2 "deadbeef" "$ASSAY" results --db "$db" --run deadbeef

# -- list ----------------------------------------------------------------------------------------------
expect 0 "^native .*built-in engine" "$ASSAY" list backends
expect 0 "^mock .*deterministic" "$ASSAY" list backends
expect 0 "^  crash-at +crash at this request; 0.. .default: 0" "$ASSAY" list options
expect 0 "fp32 fp16 bf16 int16 int8 w8a8 .*int4 .*q8_0 q4_0" "$ASSAY" list precisions
expect 0 "^ref +(available|used)" "$ASSAY" list kernels
expect 0 "smoke_choice" "$ASSAY" list tasks
expect 0 "openai/gsm8k" "$ASSAY" list datasets
equal "$("$ASSAY" list runs --db "$db" | wc -l)" 2 "runs listed"
expect 0 "^int4 +done +int4" "$ASSAY" list variants --db "$db"
expect 2 "unknown kind 'taks'.*did you mean 'tasks'" "$ASSAY" list taks
mkdir "$T/plugins" && echo "no plugin" > "$T/plugins/odd.so"
expect 0 "odd.so.*not a shared object|not a shared object" env ASSAY_BACKEND_PATH="$T/plugins" "$ASSAY" list backends

# -- report --------------------------------------------------------------------------------------------
expect 0 "r.html" "$ASSAY" report --db "$db" --html "$T/r.html" --csv "$T/csv"
grep -q '</html>' "$T/r.html" || fail "the HTML report is not whole"
grep -qiE '(src|href)="(https?:)?//|@import|url\(' "$T/r.html" && fail "the HTML report needs other files"
for f in "$T"/csv/*.csv; do
    sqlite3 :memory: ".mode csv" ".import '$f' t" "SELECT count(*) > 0 FROM t" > "$T/.n" 2> "$T/.err"
    equal "$(cat "$T/.n")$(cat "$T/.err")" 1 "rows of $f as SQLite reads them"
done
equal "$(ls "$T/csv")" "$(printf 'items.csv\nreport.csv')" "files of the CSV report"
expect 2 "nothing to write" "$ASSAY" report --db "$db"

# -- db ------------------------------------------------------------------------------------------------
expect 0 "no findings" "$ASSAY" db check --db "$db"
expect 0 "schema [0-9]+ is current" "$ASSAY" db migrate --db "$db"
expect 0 "bytes" "$ASSAY" db vacuum --db "$db"
expect 0 "rows" "$ASSAY" db export --db "$db" --out "$T/tables"
equal "$(tail -n +2 "$T/tables/score.csv" | wc -l)" "$(sql "$db" 'SELECT count(*) FROM score')" "exported scores"
cp "$db" "$T/broken.db" && sqlite3 "$T/broken.db" 'PRAGMA foreign_keys = OFF; DELETE FROM task WHERE id = 2'
expect 1 "task" "$ASSAY" db check --db "$T/broken.db"
expect 0 "mock.db: runs: [1-9][0-9]* added$" "$ASSAY" db merge "$db" --db "$T/all.db"
expect 0 "mock.db: runs: 0 added, [1-9][0-9]* here already$" "$ASSAY" db merge "$db" --db "$T/all.db"
expect 0 "no findings" "$ASSAY" db check --db "$T/all.db"
equal "$("$ASSAY" results --db "$T/all.db")" "$("$ASSAY" results --db "$db")" "results after merging"
equal "$("$ASSAY" compare --db "$T/all.db")" "$("$ASSAY" compare --db "$db")" "the comparison after merging"
expect 2 "nothing to merge" "$ASSAY" db merge --db "$T/all.db"
expect 2 "into itself" "$ASSAY" db merge "$T/all.db" --db "$T/all.db"
expect 2 "unexpected argument 'more'" "$ASSAY" db check more --db "$db"
expect 1 "rows that are not there" "$ASSAY" db merge "$T/broken.db" --db "$T/none.db"
[ -e "$T/none.db" ] && fail "a refused merge left a database"

# -- grade: the same answers after a filter was changed ------------------------------------------------
cp -r "$smoke" "$T/mine"
expect 0 "1 of 1 variants" "${mock[@]}" --task-dir "$T/mine" --tasks smoke_arithmetic --precision fp32 --db "$T/g.db"
answers=$(sql "$T/g.db" "SELECT count(*) FROM response")
sed -i 's/name: number/name: digits/; s/fallback: none/fallback: "7"/; s/(-?\[0-9\]+)/([0-9]{9})/' "$T/mine/smoke_arithmetic.yaml"
expect 0 "graded 1 jobs, 4 items" "$ASSAY" grade --db "$T/g.db"
# 0 + 7, 3 + 4: what the fallback hits
equal "$(sql "$T/g.db" "SELECT group_concat(filter) FROM (SELECT DISTINCT m.filter FROM result r JOIN measure m ON m.id = r.measure_id ORDER BY 1)")" \
    "digits,strict" "filters after grading again"
equal "$("$ASSAY" results --db "$T/g.db" | grep -c ',digits,0[.]25,')" 1 "graded with the new filter"
equal "$(sql "$T/g.db" "SELECT count(*) FROM response")" "$answers" "answers after grading"
sed -i 's/Q: {{a}}/Question: {{a}}/' "$T/mine/smoke_arithmetic.yaml"
expect 4 "question changed" "$ASSAY" grade --db "$T/g.db"
expect 0 "no findings" "$ASSAY" db check --db "$T/g.db"

# -- compare --check: its exit codes -------------------------------------------------------------------
expect 11 "inconclusive" "$ASSAY" compare --check --db "$db"
expect 12 "only variant|[Nn]othing to compare" "$ASSAY" compare --check --db "$T/g.db"
cat > "$T/pair.yaml" << 'Y'
task: pair
dataset_path: json
dataset_kwargs: {data_files: {test: pair.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: ["yes", "no"]
doc_to_target: "{{t}}"
metric_list: [{metric: acc}]
Y
seq 3000 | sed 's/.*/{"q": "number & says", "t": 0}/' > "$T/pair.jsonl"
cat > "$T/check.yaml" << Y
models:
  - backend: mock
    variants:
      - {name: base, precision: fp32}
      - {name: same, precision: bf16, noise: 0}
      - {name: worse, precision: fp32, noise: 5}
reference: base
tasks: [$T/pair.yaml]
scenarios: [none]
Y
expect 0 "3 of 3" "$ASSAY" run "$T/check.yaml" --db "$T/first.db"
# Rows become right answers where the base was wrong, so that only a change can be worse.
for i in $(sql "$T/first.db" "SELECT s.idx + 1 FROM score s JOIN job j ON j.id = s.job_id JOIN run_variant v ON v.id = j.run_variant_id
    WHERE v.name = 'base' AND j.kind = 'task' AND s.value = 0"); do echo "${i}s/\"t\": 0/\"t\": 1/"; done > "$T/turn.sed"
sed -i -f "$T/turn.sed" "$T/pair.jsonl"
expect 0 "3 of 3" "$ASSAY" run "$T/check.yaml" --db "$T/check.db"
expect 10 "worse .*fail" "$ASSAY" compare --check --db "$T/check.db"
sed -i '/name: worse/d' "$T/check.yaml"
expect 0 "2 of 2" "$ASSAY" run "$T/check.yaml" --db "$T/check.db"
expect 0 "same .*pass" "$ASSAY" compare --check --db "$T/check.db"

# -- a model: all its commands -------------------------------------------------------------------------
models
tiny=$T/models/tiny.gguf
db=$T/tiny.db
expect 0 "7 of 7 variants, 196 items" "$ASSAY" run --model "$tiny" --tasks smoke --scenario prefill:8,decode:4+8 \
    --precision fp32,fp16,bf16,int16,int8,w8a8,int4 --repetitions 2 --bootstrap 50 --db "$db"
equal "$(sql "$db" "SELECT count(*) FROM run_variant WHERE status = 'done'")" 7 "variants done"
equal "$(sql "$db" "SELECT count(*) FROM job WHERE status <> 'done'")" 0 "jobs not done"
expect 0 "^int4 .*inconclusive|^int4 " "$ASSAY" compare --db "$db"
# Fewer bits, farther away: the column KL of the table.
"$ASSAY" compare --db "$db" | awk '/^variant .*KL/ { on = 1 } on && /^(fp16|int8|int4) / { print $6, $1 } /^$/ && on { exit }' |
    sort -g | cut -d' ' -f2 | paste -sd, > "$T/order"
equal "$(cat "$T/order")" fp16,int8,int4 "order of divergence"
expect 0 "tiny.html" "$ASSAY" report --db "$db" --html "$T/tiny.html"
expect 0 "^    *[0-9.]+ %" "$ASSAY" probe --model "$tiny" --text "the cat"
expect 0 "blk.1.ffn_out" "$ASSAY" probe --model "$tiny" --precision int4 --against fp32 --tensors 'blk.*'
expect 2 "did you mean 'fp32'" "$ASSAY" probe --model "$tiny" --precision fp23
expect 1 "offset 0: not a GGUF file" "$ASSAY" probe --model "$T/models/cut-magic.gguf"
expect 0 "decode t/s" "$ASSAY" bench --model "$tiny" --precision fp32,int8 --scenario decode:4+8 --repetitions 2 --db "$T/bench.db"
equal "$(sql "$T/bench.db" "SELECT count(*) > 10 FROM sample")" 1 "raw samples of bench"
expect 0 "1 of 1" "$ASSAY" run --model "$tiny" --tasks smoke_choice --scenario none --precision int4 \
    --option 'keep=fp16:output;q8_0:blk.0.*' --option kv=int8 --db "$T/keep.db"
expect 0 "^precision .*q8_0.*f16: output.*int4.*kv int8" "$ASSAY" show --variant int4 --db "$T/keep.db"
done_testing
