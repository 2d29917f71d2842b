#!/bin/bash
# tasks.sh - assay list tasks, assay show task: what there is, and all that is known of one.
. tests/cli/lib.sh
export ASSAY_CACHE=$T/cache COLUMNS=80

mkdir -p "$T/tree/sub"
cat > "$T/tree/_base" <<'END'
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: ["yes", "no"]
doc_to_target: gold
END
printf '{"q": "Is it %s?", "gold": 0}\n' one two three four | tee "$T/tree/rows.jsonl" > "$T/tree/sub/rows.jsonl"
printf 'task: first\ninclude: _base\ntag: both\nnum_fewshot: 2\n' > "$T/tree/first.yaml"
printf 'task: second\ninclude: ../_base\ntag: [both]\n' > "$T/tree/sub/second.yaml"
printf 'group: pair\ntask: [both, {task: own, include: _base, output_type: generate_until}]\n' > "$T/tree/pair.yaml"
printf 'task: code\ninclude: _base\nprocess_docs: !function utils.rows\n' > "$T/tree/code.yaml"
printf 'task: away\ninclude: _base\ndataset_path: org/away\ndataset_kwargs: null\n' > "$T/tree/away.yaml"

list() { expect 0 "$1" "$ASSAY" list tasks "${@:2}" --task-dir "$T/tree"; }
list "^task  choice      2  first +json" first
list "^tag +both +2 tasks" both
list "^task  text +pair::own" pair
list "^group +pair" 'pa*'
equal "$("$ASSAY" list tasks both,code --task-dir "$T/tree" --format csv | tr -d '\r' | cut -d, -f1-5)" \
    "name,kind,type,num_fewshot,dataset
both,tag,,,
first,task,multiple_choice,2,json
second,task,multiple_choice,,json
code,task,multiple_choice,,json" "a list as CSV"
equal "$("$ASSAY" list tasks "$T/tree/sub" --format csv | wc -l)" 2 "the tasks of a folder"
"$ASSAY" list tasks 'f*' --task-dir "$T/tree" --format json > "$T/json" || fail "no JSON"
grep -q '{"name": "first", "kind": "task", "type": "multiple_choice", "dataset": "json", "dataset_name": null,' "$T/json" ||
    fail "the JSON lacks a task: $(cat "$T/json")"
command -v python3 > /dev/null && { python3 -m json.tool < "$T/json" > /dev/null || fail "no valid JSON"; }
equal "$("$ASSAY" list tasks --task-dir "$T/tree" | awk 'length($0) > 80' | wc -l)" 0 "lines beyond 80 columns"
expect 2 "no task, group or tag matches 'zz[*]'" "$ASSAY" list tasks 'zz*' --task-dir "$T/tree"
expect 2 "unknown task 'frist', did you mean 'first'" "$ASSAY" list tasks frist --task-dir "$T/tree"
expect 2 "only 'list tasks' takes a pattern" "$ASSAY" list runs x

show() { expect 0 "$1" "$ASSAY" show task "${@:2}" --task-dir "$T/tree"; }
show "^part of +both, pair$" first
show 'doc_to_text: "\{\{q\}\}"  # _base:5:14' first
show "num_fewshot: 2  # first.yaml:4:14" first
show "^examples +2 of split test" first
show "^item 2, target 0" first
show '^  \| Is it one\? yes' second --fewshot 2
show "among its own examples" first
show "^  needs code process_docs: utils.rows" code
show "^refused .*process_docs" code
show "^no prompts no file for split 'test' of dataset 'org/away'; looked for" away
show "^holds +first, second" both
show "^holds +first, second, pair::own" pair
expect 2 "names 3 tasks" "$ASSAY" show task 'f*,code,second' --task-dir "$T/tree"
expect 2 "unknown task 'nobody'" "$ASSAY" show task nobody --task-dir "$T/tree"
expect 2 "expected 'show task NAME'" "$ASSAY" show nobody
printf '{"q": "\\u001b[31mred", "gold": 0}\n' > "$T/tree/sub/rows.jsonl"
"$ASSAY" show task second --task-dir "$T/tree" | grep -q $'\033' && fail "a row's escape sequence reaches the terminal"
equal "$("$ASSAY" show task second --task-dir "$T/tree" | grep -c '^item')" 1 "items of one row"
done_testing
