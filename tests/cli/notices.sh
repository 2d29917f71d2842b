#!/bin/bash
# notices.sh - what makes scores doubtful is said at the end of a run, below a comparison, in the report
# and in report.csv, and an older database is raised.
. tests/cli/lib.sh

mkdir -p "$T/t"
for i in $(seq 0 19); do
    printf '{"q": "question <%d>", "a": "yes %d", "b": "%s %d", "gold": %d}\n' $i $i \
        "$([ $((i % 5)) = 0 ] && echo yes || echo no)" $i $([ $((i % 4)) = 0 ] && echo 7 || echo 1)
done > "$T/t/rows.jsonl"
cat > "$T/t/doubt.yaml" <<'END'
task: doubt
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
num_fewshot: 2
doc_to_text: "{{q}}"
doc_to_target: gold
doc_to_choice: "{{[a, b]}}"
fewshot_config: {doc_to_target: "{{a}}"}
END
db=$T/n.db
expect 0 "note: the target is none of the choices: 5 of 20 items; in doubt" \
    "$ASSAY" run --backend mock --model demo --precision fp32,int4 --tasks "$T/t/doubt.yaml" --scenario none --db "$db"
expect 0 "note: .*among its own examples .*: [0-9]+ of 20 items; in doubt" \
    "$ASSAY" run --backend mock --model demo --precision fp32,int4 --tasks "$T/t/doubt.yaml" --scenario none --db "$db"
expect 0 "^note: two choices are the same text: 4 of 20 items; in doubt" "$ASSAY" compare --db "$db"
expect 0 "two choices are the same text: 4 of 20 items" "$ASSAY" show --variant int4 --db "$db"
expect 0 "" "$ASSAY" report --db "$db" --html "$T/n.html" --csv "$T/csv"
grep -q '<h2[^>]*>What makes scores doubtful' "$T/n.html" || fail "the report has no section for it"
grep -q '<td class="n" data-v="5">5 of 20</td><td class="n" data-v="5">5 of 20</td>' "$T/n.html" || fail "the report lacks counts"
equal "$(tr -d '\r' < "$T/csv/report.csv" | grep -c ',doubt,gold,count,5,,,20,items,notices$')" 2 "rows of report.csv"
grep -q ',doubt,tied,count,4,' "$T/csv/report.csv" || fail "report.csv lacks ties"

"$ASSAY" run --backend mock --model demo --precision fp32 --tasks "$T/t/doubt.yaml" --scenario none --strict-fewshot \
    --db "$T/strict.db" 2> "$T/strict.err"
grep -q "among its own examples" "$T/strict.err" && fail "--strict-fewshot leaks: $(cat "$T/strict.err")"

# What the migration makes of a database without counts: nothing is noted, nothing is 0.
if [ "$(sqlite3 "$db" "PRAGMA user_version")" = 4 ]; then
    sqlite3 "$db" "ALTER TABLE sample DROP COLUMN round; DROP TABLE cluster; DROP TABLE energy; DROP TABLE idle; DROP TABLE notice; ALTER TABLE response DROP COLUMN is_cut; PRAGMA user_version = 2"
    expect 1 "assay db migrate" "$ASSAY" compare --db "$db"
    expect 0 "schema 2" "$ASSAY" db migrate --db "$db"
    "$ASSAY" compare --db "$db" > "$T/old" || fail "the migrated database can't be read"
    grep "^note:" "$T/old" | grep -qv "memory is unknown" && fail "a migrated database has notes"
    expect 0 "" "$ASSAY" grade --db "$db"
    "$ASSAY" compare --db "$db" | grep -q "^note: two choices are the same text: 4 of 20" || fail "grading counts nothing"
    "$ASSAY" compare --db "$db" | grep -q "lost its beginning" && fail "what is not known is counted as cut"
    equal "$(sqlite3 "$db" "SELECT count(*) FROM notice WHERE kind = 'cut'")" 0 "counts of what was not noted"
fi
done_testing
