#!/bin/bash
# data.sh - datasets from a hub on loopback: files, rows, splits, the cache, and a run over them.
. tests/cli/lib.sh
. tests/cli/hub_lib.sh
hub_start

# -- a repository's files, by the README's configurations ---------------------------------------
repo own/set $sha1
cat > "$(files own/set)/README.md" <<'README'
---
license: mit
configs:
- config_name: en
  data_files:
  - split: train
    path: "en/a*.jsonl.gz"
  - split: test
    path: [en/test.csv, en/more.csv]
- config_name: plain
  default: true
  data_files: plain.json
  field: rows
dataset_info:
- config_name: en
  features:
  - name: q
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': 'no'
          '1': 'yes'
---
# A set
README
mkdir "$(files own/set)/en"
printf '{"q": "b?", "n": 1.50}\n' | gzip > "$(files own/set)/en/a1.jsonl.gz"
printf '{"q": "c\\u00e9"}\n{"q": null, "n": 3}\n' | gzip > "$(files own/set)/en/a2.jsonl.gz"
printf 'q,label,n\n"x, y",yes,1\n' > "$(files own/set)/en/test.csv"
printf 'q,label,n\nz,no,2\n' > "$(files own/set)/en/more.csv"
printf '{"version": 1, "rows": [{"k": 1}, {"k": 2}]}' > "$(files own/set)/plain.json"

expect 0 "own/set:en train: would fetch [0-9]+ B" get own/set:en --dry-run
[ -e "$T/cache/datasets" ] && fail "a dry run wrote something"
expect 0 "own/set:en train: 3 rows, fetched" get own/set:en
rows_are '{"q":"b?","n":1.5}
{"q":"cé","n":null}
{"q":null,"n":3}' own/set:en --split train
# Classes are numbers, as the README numbers them.
rows_are '{"q":"x, y","label":1,"n":1}
{"q":"z","label":0,"n":2}' own/set:en --split test
log_clear
expect 0 "0 splits fetched, 2 already here" get own/set:en
log_has 0 "/resolve/.*gz"
expect 0 "own/set:plain train: 2 rows, fetched" get own/set
rows_are '{"k":1}
{"k":2}' own/set:plain
expect 0 "own/set:en +test +2 +0\.00  111111111111  20" "$ASSAY" data list
expect 0 "own/set:plain" "$ASSAY" list datasets
expect 0 "3 splits looked at, 0 damaged" "$ASSAY" data verify
m=$(path_of own/set:en --split test); m=${m%l}
equal "$(jq -r '[.dataset, .config, .split, .revision, .sha, .source, .rows, .from[0].url] | join(" ")' "$m")" \
    "own/set en test main $sha1 files 2 http://127.0.0.1:$P1/datasets/own/set/resolve/$sha1/en/test.csv" manifest
equal "$(jq -r .sha256 "$m")" "$(sha256sum "${m}l" | cut -d' ' -f1)" "sha256 in the manifest"
expect 2 "no configuration 'eng', did you mean 'en'\?" get own/set:eng
expect 2 "has no split 'dev'; it has train, test" get own/set:en --split dev
expect 1 "given up|404" get own/none
expect 1 "server answers 404 .not found.*Invalid rev id: v9" get own/set@v9
expect 2 "no name of a dataset" get ../../etc
expect 2 "name a dataset, a suite file, or --tasks" get

# -- names of files ------------------------------------------------------------------------------
repo own/names $sha1
printf 'a\n1\n' | gzip > "$(files own/names)/x-train.csv.gz"
printf 'a\n2\n' > "$(files own/names)/dev.csv"
printf 'a\tb\n3\t4\n' > "$(files own/names)/my_test.tsv"
echo '#!' > "$(files own/names)/LICENSE"
expect 0 "own/names train: 1 rows, fetched" get own/names
rows_are '{"a":1}' own/names --split train
rows_are '{"a":2}' own/names --split validation
rows_are '{"a":3,"b":4}' own/names --split test

# -- the viewer's rows ---------------------------------------------------------------------------
repo own/tables $sha1
mkdir "$(files own/tables)/data"
echo PAR1 > "$(files own/tables)/data/train-00000-of-00001.parquet"
mkdir -p "$(rows own/tables)/default"
python3 - "$(rows own/tables)/default" <<'PY'
import json, sys
features = [["id", {"dtype": "int64", "_type": "Value"}], ["label", {"names": ["a", "b"], "_type": "ClassLabel"}],
            ["answers", {"text": {"dtype": "string", "_type": "Value"}}]]
rows = [{"label": i % 2, "answers": {"text": ["t%d" % i, "\u2028"]}, "id": i} for i in range(250)]
json.dump({"features": features, "rows": rows}, open(sys.argv[1] + "/train.json", "w"))
json.dump({"features": features, "rows": rows[:7], "truncated": {"3": ["answers"]}}, open(sys.argv[1] + "/cut.json", "w"))
json.dump({"features": features, "rows": rows[:7], "partial": True}, open(sys.argv[1] + "/part.json", "w"))
json.dump({"features": features, "rows": rows[:7], "sha": "3" * 40}, open(sys.argv[1] + "/late.json", "w"))
json.dump({"features": features, "rows": rows[:7], "idx": 1}, open(sys.argv[1] + "/moved.json", "w"))
json.dump({"features": features[:2], "rows": rows[:7]}, open(sys.argv[1] + "/wide.json", "w"))
json.dump({"features": features + [["more", {"_type": "Value"}]], "rows": rows[:7]}, open(sys.argv[1] + "/narrow.json", "w"))
json.dump({"features": features, "rows": rows[:7], "total": 9}, open(sys.argv[1] + "/fewer.json", "w"))
json.dump({"features": features, "rows": rows[:100], "revision": False}, open(sys.argv[1] + "/loose.json", "w"))
json.dump({"features": features + [["image", {"_type": "Image"}]], "rows": []}, open(sys.argv[1] + "/image.json", "w"))
PY
expect 0 "own/tables train: would fetch 250 rows" get own/tables --split train --dry-run
log_clear
expect 0 "own/tables train: 250 rows, fetched" get own/tables --split train
log_has 3 "rows.*length=100"
equal "$(jq -c '[keys_unsorted, .id, .label, .answers.text[0]]' "$(path_of own/tables)" | sed -n '1p;250p' | tr '\n' ' ')" \
    '[["id","label","answers"],0,0,"t0"] [["id","label","answers"],249,1,"t249"] ' "first and last row"
equal "$(jq -r '[.source, .rows, .features[1].type.names[1]] | join(" ")' "$(path_of own/tables | sed 's/l$//')")" \
    "rows 250 b" "manifest of rows"
expect 1 "the viewer cuts long cells short" get own/tables --split cut
expect 1 "has only the first part" get own/tables --split part
expect 1 "at commit 333333333333, not at 111111111111" get own/tables --split late
expect 1 "the number of rows changed" get own/tables --split fewer
expect 1 "the rows are not those that were asked for" get own/tables --split moved
expect 1 "a row has more cells than there are columns" get own/tables --split wide
expect 1 "a row lacks a column" get own/tables --split narrow
expect 1 "column 'image' is of type Image" get own/tables --split image
expect 0 "loose: 100 rows, fetched" get own/tables --split loose
expect 0 "^[^ ]*/train.jsonl" path_of own/tables --split train
expect 0 "[0-9] splits looked at, 0 damaged" "$ASSAY" data verify

# -- a run over them -----------------------------------------------------------------------------
mkdir "$T/tasks"
cat > "$T/tasks/t.yaml" <<'TASK'
task: fetched
dataset_path: own/quiz
test_split: test
fewshot_split: train
num_fewshot: 1
output_type: multiple_choice
doc_to_text: "{{q}}"
doc_to_choice: "{{[good, bad]}}"
doc_to_target: 0
metric_list: [{metric: acc}]
TASK
repo own/quiz $sha1
for s in train test; do
    for i in 1 2 3; do echo "{\"q\": \"$s$i\", \"good\": \"yes $i\", \"bad\": \"no $i\"}"; done > "$(files own/quiz)/$s.jsonl"
done
run_task() { "$ASSAY" run --backend mock --model demo --precision fp32 --task-dir "$T/tasks" --db "$T/r.db" --tasks "$@"; }
run() { run_task fetched "$@"; }
log_clear
expect 1 "no file for split 'test' of dataset 'own/quiz'.*to fetch it: assay data get --tasks fetched --task-dir $T/tasks" run
log_has 0 .
expect 0 "2 splits fetched" get --tasks fetched --task-dir "$T/tasks"
log_clear
expect 0 "1 of 1 variants, 3 items" run
log_has 0 .
"$ASSAY" data rm own/quiz > /dev/null
expect 0 "own/quiz test: 3 rows, fetched" run --download
expect 0 "3 items" run --download
# What was fetched and then changed is not scored.
echo '{"q": "x", "good": "", "bad": ""}' >> "$(path_of own/quiz --split test)"
expect 1 "to fetch it: assay data get" run
sed -i '$d' "$(path_of own/quiz --split test)"
sed -i '1s/test1/tesT1/' "$(path_of own/quiz --split test)"
expect 1 "is not what was fetched" run
expect 1 "own/quiz@111111111111 test: damaged: sha256" "$ASSAY" data verify
expect 0 "fetched" get --tasks fetched --task-dir "$T/tasks" --refresh
expect 0 "3 items" run
expect 0 "2 already here" get --tasks fetched --task-dir "$T/tasks" --offline
expect 1 "offline, and 'own/other' is not in the cache" get own/other --offline
HF_HUB_OFFLINE=1 expect 1 "offline, and" get own/other

# -- files by address ----------------------------------------------------------------------------
mkdir -p "$H/plain"
echo '{"q": "one"}' > "$H/plain/a.jsonl"
printf 'first\nsecond\n' | gzip > "$H/plain/b.txt.gz"
cat > "$T/tasks/u.yaml" <<TASK
task: by_address
dataset_path: json
dataset_kwargs: {data_files: {test: "http://127.0.0.1:$P1/plain/a.jsonl", train: "hf://datasets/own/quiz/train.jsonl"}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{q}}"
TASK
expect 1 "is on the network and was not fetched.*to fetch it: assay data get" run_task by_address
expect 0 "2 splits fetched" get --tasks by_address --task-dir "$T/tasks"
expect 0 "1 items" run_task by_address
rows_are '{"q":"one"}' "http://127.0.0.1:$P1/plain/a.jsonl"

# -- a branch that moves -------------------------------------------------------------------------
echo $sha2 > "$H/own--quiz/sha"
echo '{"q": "new", "good": "a", "bad": "b"}' > "$(files own/quiz)/test.jsonl"
expect 0 "main moved from 111111111111 to 222222222222" get own/quiz --split test
equal "$(path_of own/quiz | grep -c $sha2)" 2 "splits of the new commit: all of one commit"
expect 0 "own/quiz +test +3 .*old" "$ASSAY" data list own/quiz
expect 0 "1 of 1 variants, 1 items" run
expect 0 "already here" get own/quiz@$sha1 --split test --offline
expect 0 "2 splits, " "$ASSAY" data rm --old --dry-run
expect 0 "own/quiz@111111111111 test: removed" "$ASSAY" data rm --old
equal "$("$ASSAY" data list own/quiz | grep -c old)" 0 "old commits"
expect 2 "name datasets to remove" "$ASSAY" data rm
expect 1 "'own/nothing' is not in the cache; to fetch it: assay data get own/nothing" "$ASSAY" data rm own/nothing
expect 0 "removed" "$ASSAY" data rm --all
equal "$(find "$T/cache" -name "*.json*" | grep -c datasets)" 0 "files that rm --all leaves"
done_testing
