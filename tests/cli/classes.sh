#!/bin/bash
# classes.sh - tasks that are Python classes, and rows that hold several documents: run, stored, exported.
. tests/cli/lib.sh

tasks=$T/tasks
mkdir -p "$tasks/squadv2" "$tasks/qasper" "$T/rows/lighteval/squad_v2" "$T/rows/allenai/qasper"
printf 'evaluate.load("squad_v2")' > "$tasks/squadv2/task.py"
printf 'task: squadv2\nclass: !function task.SQuAD2\n' > "$tasks/squadv2/squadv2.yaml"
printf 'set_answer_type="bool"' > "$tasks/qasper/utils.py"
cat > "$tasks/qasper/bool.yaml" <<'E'
task: qasper_bool
dataset_path: allenai/qasper
output_type: multiple_choice
training_split: train
validation_split: validation
process_docs: !function utils.process_docs_bool
doc_to_text: "{{title}}: {{question}}"
doc_to_target: answer
doc_to_choice: ["no", "yes"]
E
for i in 0 1 2 3 4; do
    [ "$i" = 2 ] && answers='{"text": [], "answer_start": []}' || answers='{"text": ["cat"], "answer_start": [4]}'
    printf '{"id": "q%d", "title": "T", "context": "a cat %d", "question": "Q", "answers": %s}\n' "$i" "$i" "$answers"
done > "$T/rows/lighteval/squad_v2/validation.jsonl"
cp "$T/rows/lighteval/squad_v2/validation.jsonl" "$T/rows/lighteval/squad_v2/train.jsonl"
# The first paper has no such answer, the second three in two questions, the third one.
none='{"unanswerable": true, "yes_no": null, "free_form_answer": "", "extractive_spans": []}'
yes=${none/true, \"yes_no\": null/false, \"yes_no\": true}
no=${none/true, \"yes_no\": null/false, \"yes_no\": false}
{
    printf '{"title": "A", "abstract": "a", "qas": {"question": ["a?"], "answers": [{"answer": [%s]}]}}\n' "$none"
    printf '{"title": "B", "abstract": "b", "qas": {"question": ["b?", "bb?"], "answers": [{"answer": [%s, %s, %s]}, {"answer": [%s]}]}}\n' \
        "$yes" "$none" "$no" "$yes"
    printf '{"title": "C", "abstract": "c", "qas": {"question": ["c?"], "answers": [{"answer": [%s]}]}}\n' "$no"
} > "$T/rows/allenai/qasper/validation.jsonl"
cp "$T/rows/allenai/qasper/validation.jsonl" "$T/rows/allenai/qasper/train.jsonl"

run() {
    "$ASSAY" run --db "$T/$1.db" --backend mock --option answers=hash --model m --task-dir "$tasks" --data "$T/rows" --quiet \
        --scenario none "${@:2}"
}
expect 0 . run a --tasks qasper_bool
equal "$(sql "$T/a.db" "select count(*) from item")" 4 "documents of three rows"
"$ASSAY" export lm-eval --db "$T/a.db" --out "$T/a" > "$T/.out" 2>&1 || fail "export"
equal "$(grep -oh '"arg_0": "[^"]*"' "$T"/a/*/samples_qasper_bool_*.jsonl | uniq | tr '\n' ';')" \
    '"arg_0": "B: b?";"arg_0": "B: bb?";"arg_0": "C: c?";' "prompts in order"
equal "$(grep -oh '"target": "[^"]*"' "$T"/a/*/samples_qasper_bool_*.jsonl | tr '\n' ';')" \
    '"target": "yes";"target": "no";"target": "yes";"target": "no";' "targets in order"
expect 0 . run limited --tasks qasper_bool --limit 2
equal "$(sql "$T/limited.db" "select count(*) from item")" 2 "two documents of one row"
# Examples come from the documents of all rows: four, of which one is the evaluated one.
expect 0 . run shots --tasks qasper_bool --num-fewshot 3
expect 2 'the pool has 3 usable rows' run many --tasks qasper_bool --num-fewshot 4

expect 0 . run b --tasks squadv2
equal "$(sql "$T/b.db" "select count(*) from item")" 5 "documents"
"$ASSAY" export lm-eval --db "$T/b.db" --out "$T/b" > "$T/.out" 2>&1 || fail "export"
equal "$(grep -c '"arg_1": {"until": \["\\n"\]}}, "gen_args_1".*"arg_1": " unanswerable"}' "$T"/b/*/samples_squadv2_*.jsonl)" 5 \
    "two requests per document"
expect 0 'best_f1' "$ASSAY" results --db "$T/b.db"
expect 0 'which cannot show examples' run c --tasks squadv2 --num-fewshot 3
expect 0 'loads +2 ' "$ASSAY" validate "$tasks"
printf '# more\n' >> "$tasks/squadv2/task.py"
expect 1 'another version of one that is built in' run d --tasks squadv2
done_testing
