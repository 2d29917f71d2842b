#!/bin/bash
# validate.sh - assay validate: what loads, what does not and why, as a table and as CSV.
. tests/cli/lib.sh

expect 0 "^loads +[0-9]+ 100.00 %" "$ASSAY" validate tasks/library

mkdir -p "$T/tree/hellaswag" "$T/empty"
head='dataset_path: json
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_target: 0
doc_to_choice: [a, b]'
printf 'task: good\n%s\n' "$head" > "$T/tree/good.yaml"
printf 'task: custom\n%s\nprocess_docs: !function utils.process_docs\n' "$head" > "$T/tree/custom.yaml"
printf 'task: changed\n%s\nprocess_docs: !function utils.process_docs\n' "$head" > "$T/tree/hellaswag/c.yaml"
printf 'def process_docs(d):\n    return d\n' | tee "$T/tree/utils.py" > "$T/tree/hellaswag/utils.py"
printf 'task: class\nclass: !function task.Own\n' > "$T/tree/class.yaml"
printf 'task: picture\n%s\ndoc_to_image: image\n' "$head" > "$T/tree/picture.yaml"
printf 'task: brace\n%s\n' "${head/\{\{q\}\}/\{\{q\}}" > "$T/tree/brace.yaml"
printf 'task: metric\n%s\nmetric_list:\n  - metric: acuracy\n' "$head" > "$T/tree/metric.yaml"
printf 'task: key\n%s\ndoc_to_txt: x\n' "$head" > "$T/tree/key.yaml"
printf 'task: "=1+1"\n%s\n' "$head" > "$T/tree/formula.yaml"
"$ASSAY" validate "$T/tree" > "$T/table" 2> "$T/err"
equal $? 1 "exit code when tasks do not load"
grep -q "7 of 9 tasks and groups do not load" "$T/err" || fail "the count on stderr: $(cat "$T/err")"
for want in "python function  custom" "other version    changed" "python class     class" \
    "images or sound  picture" "template         brace" "metric           metric" \
    "configuration    key" "did you mean 'doc_to_text'" "unknown metric 'acuracy'" "custom.yaml:8:15: 'process_docs'"; do
    grep -qF "$want" "$T/table" || fail "the table lacks: $want"
done
grep -q "^loads +2" -E "$T/table" || fail "the table lacks its counts"
grep -q "^loads  *good" "$T/table" && fail "the table lists what loads without --all"
expect 1 "^loads +good" "$ASSAY" validate "$T/tree" --all
"$ASSAY" validate "$T/tree" --format csv > "$T/csv" 2> /dev/null
equal "$(wc -l < "$T/csv")" 10 "lines of CSV"
equal "$(cut -d, -f2,3 "$T/csv" | sort | uniq -c | sort -rn | head -1 | tr -s ' ')" " 2 yes," "tasks that load, in CSV"
grep -q "^\"'=1+1\",yes," "$T/csv" || fail "a name that looks like a formula is not guarded"

# Groups are judged by their members, and what they define themselves by itself.
mkdir "$T/groups"
printf 'task: one\n%s\n' "$head" > "$T/groups/one.yaml"
printf 'group: whole\ntask: [one, {task: own, dataset_path: json, test_split: test, doc_to_text: x, doc_to_target: y}]\n' \
    > "$T/groups/g.yaml"
expect 0 "^groups +1, 1 of them whole" "$ASSAY" validate "$T/groups"
expect 0 "^loads +whole::own" "$ASSAY" validate "$T/groups" --all
printf 'group: lacking\ntask: [one, nobody]\n' > "$T/groups/h.yaml"
expect 1 "h.yaml:2:13: unknown task 'nobody'" "$ASSAY" validate "$T/groups"
expect 1 "^lacking,no,group,.*,group" "$ASSAY" validate "$T/groups" --format csv
expect 1 "^tasks +2" "$ASSAY" validate "$T/groups"

printf 'task: [\n' > "$T/empty/broken.yaml"
expect 1 "1 file can't be read, first: .*broken.yaml" "$ASSAY" validate "$T/empty"
rm "$T/empty/broken.yaml"
expect 2 "no tasks there" "$ASSAY" validate "$T/empty"
expect 1 "nowhere" "$ASSAY" validate "$T/nowhere"
expect 2 "missing argument" "$ASSAY" validate
done_testing
