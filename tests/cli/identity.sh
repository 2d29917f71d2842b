#!/bin/bash
# identity.sh - requests, scores, aggregates and standard errors as lm-evaluation-harness has them, and its
# output layout: tests/identity holds tasks with every feature of the format, rows, and what upstream made
# of them (golden.jsonl by Python 3.12, golden-naive.jsonl by 3.11, whose sum() adds plainly).
. tests/cli/lib.sh
command -v python3 > /dev/null || { echo "skipped: python3 is not there"; exit 77; }
here=tests/identity
run() { python3 tests/interop/identity.py "$@"; }

for version in 3.12 3.11; do
    golden=$here/golden.jsonl
    [ $version = 3.12 ] || golden=$here/golden-naive.jsonl
    mkdir -p "$T/$version"
    cp -r $here/rows "$T/$version/rows"
    echo "$version.0" > "$T/$version/python"
    run assay $here/identity.tsv "$T/$version" "$ASSAY" --tree $here/tasks > "$T/out" 2>&1 || fail "$(cat "$T/out")"
    [ -s "$T/out" ] && fail "$(cat "$T/out")"
    run check $golden $here/identity.tsv "$T/$version" ours > "$T/out" || fail "Python $version: $(cat "$T/out")"
done

# The layout itself: names of folders and files, keys in upstream's order.
set -- "$T"/3.12/plain/ours/*/results_*.json
equal "$#" 1 "files of results"
case $1 in */ours/hash__default/results_20??-??-??T??-??-??*.json) ;; *) fail "named $1" ;; esac
equal "$(python3 -c 'import json, sys; print(",".join(json.load(open(sys.argv[1]))))' "$1")" \
    "results,group_subtasks,configs,versions,n-shot,higher_is_better,n-samples,config,git_hash,date,pretty_env_info,transformers_version,lm_eval_version,upper_git_hash,task_hashes,model_source,model_name,model_name_sanitized,system_instruction,system_instruction_sha,fewshot_as_multiturn,chat_template,chat_template_sha,total_evaluation_time_seconds" \
    "keys of the results"

# A run that has changed since is refused, not described wrongly.
db=$T/3.12/plain/assay.db
cp -r $here/tasks "$T/tasks"
cp -r $here/rows "$T/rows"
expect 0 "1 variants, 15 files" "$ASSAY" export lm-eval --db "$db" --task-dir "$T/tasks" --data "$T/rows" --out "$T/again"
sed -i 's/^doc_to_text: .*/doc_to_text: "{{question}}?"/' "$T/tasks/id_answers.yaml"
expect 1 "task 'id_answers' is not what run .* had" \
    "$ASSAY" export lm-eval --db "$db" --task-dir "$T/tasks" --data "$T/rows" --out "$T/no"
expect 2 "give --out DIR" "$ASSAY" export lm-eval --db "$db"
expect 2 "expected the layout" "$ASSAY" export csv --db "$db" --out "$T/no"
expect 1 "exists|no such|does not exist|cannot" "$ASSAY" export lm-eval --db "$T/none.db" --out "$T/no"
done_testing
