#!/bin/bash
# task_code.sh - --allow-task-code: functions of a task folder in every place where one may stand, with
# the numbers they must give; resumption, grading, the record.
. tests/cli/lib.sh
python3 -c '' 2> /dev/null || { echo "skipped: no python3"; exit 77; }

dir=$T/code
mkdir -p "$dir"
for i in 0 1 2 3 4 5 6 7; do
    printf '{"question": "item %d", "n": %d, "big": 9223372036854775807, "none": null, "list": [1, 2.5, "x"]}\n' "$i" "$i"
done > "$dir/rows.jsonl"
head='dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test'
cat > "$dir/utils.py" <<'END'
import random
import datasets
from lm_eval.api.filter import Filter
from lm_eval.filters.extraction import RegexFilter

seen = []

def process_docs(dataset: datasets.Dataset) -> datasets.Dataset:
    def clean(row):
        return {"text": row["question"].upper(), "gold": row["n"] % 2, "pair": (row["n"], 5), "map": {"b": 1, "a": None}}
    rows = dataset.filter(lambda r: r["n"] != 3).map(clean).rename_column("list", "things")
    order = list(range(len(rows)))
    random.shuffle(order)
    return rows.select(order).remove_columns(["none"])

def doc_to_text(doc):
    assert doc["big"] == 2 ** 63 - 1 and doc["things"] == [1, 2.5, "x"] and doc["pair"] == [doc["n"], 5] and list(doc["map"]) == ["a", "b"]
    return "Q: " + doc["text"] + " " + str(random.random())

def doc_to_choice(doc):
    return ["yes", "no"]

def doc_to_target(doc):
    return doc["gold"]

def process_results(doc, results):
    lls = [ll for ll, greedy in results]
    assert all(type(ll) is float for ll in lls) and all(type(x) is tuple for x in results)
    scores = {"acc": 1 if lls.index(max(lls)) == doc["gold"] else 0, "seen": ({doc["n"]: 2 ** 70}, "\ud800", (1, None))}
    scores["extra"] = float(doc["n"])
    if doc["n"] % 2:
        scores["odd"] = True
    return scores

def all_seen(items):
    assert all(type(x) is tuple and type(x[0]) is dict and x[1] == "\ud800" and x[2] == (1, None) for x in items)
    return sum(k for x in items for k in x[0]) + (2 ** 70 in [v for x in items for v in x[0].values()])

class Shout(Filter):
    def __init__(self, suffix="!"):
        self.suffix = suffix
    def apply(self, resps, docs):
        return [[r.upper() + self.suffix + str(d["n"]) for r in some] for some, d in zip(resps, docs)]

class Digits(RegexFilter):
    pass

def first_words(resps, docs):
    return [[r.split()[0] if r.split() else "" for r in some] for some in resps]

def shouts(references, predictions, ignored=None):
    assert ignored == 5
    return {"shouts": float(predictions[0].isupper()), "length": len(predictions[0])}

def longest(items):
    return max(items)

def examples():
    return [{"question": "one", "gold": 1, "text": "ONE", "big": 2 ** 63 - 1}, {"question": "two", "gold": 0, "text": "TWO"}]

def data(**kwargs):
    return {"test": datasets.load_dataset("json", data_files={"test": kwargs["file"]}, split="test").select(range(kwargs["rows"]))}
END
cat > "$dir/choice.yaml" <<END
task: choice
$head
output_type: multiple_choice
process_docs: !function utils.process_docs
doc_to_text: !function utils.doc_to_text
doc_to_choice: !function utils.doc_to_choice
doc_to_target: !function utils.doc_to_target
process_results: !function utils.process_results
num_fewshot: 1
fewshot_config:
  samples: !function utils.examples
  doc_to_text: "{{question}}"
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: seen, aggregation: !function utils.all_seen, higher_is_better: true}
  - {metric: odd, aggregation: mean, higher_is_better: true}
END
cat > "$dir/write.yaml" <<END
task: write
$head
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "ITEM"
generation_kwargs: {until: ["\n"], max_gen_toks: 8}
filter_list:
  - {name: shout, filter: [{function: !function utils.Shout, suffix: "?"}, {function: take_first}]}
  - {name: words, filter: [{function: custom, filter_fn: !function utils.first_words}, {function: take_first}]}
metric_list:
  - {metric: !function utils.shouts, aggregation: mean, higher_is_better: true, ignored: 5}
  - {metric: exact_match, aggregation: mean, higher_is_better: true}
END
sed -i 's/^  - {metric: !function utils.shouts.*/  - metric: !function utils.shouts\n    aggregation: !function utils.longest\n    higher_is_better: true\n    ignored: 5/' "$dir/write.yaml"
cat > "$dir/own.yaml" <<END
task: own
custom_dataset: !function utils.data
dataset_kwargs: {file: "$dir/rows.jsonl"}
metadata: {version: 1, rows: 3}
test_split: test
output_type: multiple_choice
doc_to_text: question
doc_to_choice: [a, b]
doc_to_target: 1
END

expect 1 "--allow-task-code would load it" "$ASSAY" validate "$dir"
expect 0 "^with python +3 100.00 %" "$ASSAY" validate "$dir" --allow-task-code
run() {
    "$ASSAY" run --backend mock --model demo --precision fp32,int8 --scenario none --tasks "$dir" --db "$T/code.db" "$@"
}
expect 1 "--allow-task-code would load it" run
[ ! -e "$T/code.db" ] || fail "a refusal left a database"
expect 0 "2 of 2 variants, 36 items" run --allow-task-code

one="FROM result r JOIN measure m ON m.id = r.measure_id JOIN run_variant v ON v.id = r.run_variant_id
     JOIN job j ON j.id = r.job_id WHERE v.name = 'fp32'"
value() { sql "$T/code.db" "SELECT r.value, r.n $one AND j.name = '$1' AND m.metric = '$2' AND m.filter = '$3'"; }
equal "$(value choice seen none)" "26.0|7" "an aggregation in Python, of scores that are no numbers"
equal "$(value choice extra none)" "3.57142857142857|7" "a score that only running tells"
equal "$(value choice odd none)" "1.0|3" "a score of some documents"
equal "$(value write length shout)" "$(sql "$T/code.db" "SELECT max(s.value) || '|8' FROM score s JOIN measure m ON m.id = s.measure_id
    JOIN job j ON j.id = s.job_id JOIN run_variant v ON v.id = j.run_variant_id
    WHERE v.name = 'fp32' AND m.metric = 'length' AND m.filter = 'shout'")" "a key of a metric's dict keeps its aggregation"
equal "$(value write shouts shout)" "1.0|8" "a metric and a filter in Python"
equal "$(value own acc none | cut -d'|' -f2)" 3 "rows of a custom_dataset"
# The order and the random numbers are those of seed 0 for a split, of its place for a row.
wanted=$(python3 -c '
import random
random.seed(0); order = list(range(7)); random.shuffle(order)
rows = [n for n in range(8) if n != 3]
random.seed(0)
print("Q: ITEM %d %s" % (rows[order[0]], random.random()))')
sql "$T/code.db" "SELECT prompt FROM item i JOIN task t ON t.id = i.task_id WHERE t.name = 'choice' AND idx = 0" > "$T/prompt"
grep -qF "$wanted" "$T/prompt" || fail "prompt: $(cat "$T/prompt"), not $wanted"
grep -qE "^(one no|two yes)$" "$T/prompt" || fail "no example in the prompt: $(cat "$T/prompt")"
sum=$(sha256sum "$dir/utils.py" | cut -d' ' -f1)
equal "$(sql "$T/code.db" "SELECT count(*) FROM task WHERE json_extract(config, '\$.task_code.files[0].sha256') = '$sum'")" 3 \
    "tasks whose record names the module"
equal "$(sql "$T/code.db" "SELECT json_extract(suite, '\$.allow-task-code') FROM run")" 1 "the run's record of the permission"

expect 0 "" "$ASSAY" report --db "$T/code.db" --html "$T/code.html"
grep -q "task code.*Python 3.*utils.py $sum" "$T/code.html" || fail "the report does not name the module"

# Grading and going on ask for the permission again, and change nothing.
before=$(sql "$T/code.db" "SELECT group_concat(quote(value) || quote(stderr)) FROM (SELECT * FROM result ORDER BY job_id, measure_id)")
expect 1 "--allow-task-code would load it" "$ASSAY" grade --db "$T/code.db"
expect 0 "graded 6 jobs, 36 items" "$ASSAY" grade --db "$T/code.db" --allow-task-code
equal "$(sql "$T/code.db" "SELECT group_concat(quote(value) || quote(stderr)) FROM (SELECT * FROM result ORDER BY job_id, measure_id)")" \
    "$before" "results after grading"
sqlite3 "$T/code.db" "DELETE FROM response WHERE hex(request) < '6'; UPDATE run SET status = 'interrupted';
    UPDATE run_variant SET status = 'interrupted' WHERE name = 'int8'; UPDATE job SET status = 'planned'
    WHERE run_variant_id = (SELECT id FROM run_variant WHERE name = 'int8')"
expect 0 "2 of 2 variants, 18 items, [1-9][0-9]* requests asked, [1-9][0-9]* from the store" run --allow-task-code
equal "$(sql "$T/code.db" "SELECT group_concat(quote(value) || quote(stderr)) FROM (SELECT * FROM result ORDER BY job_id, measure_id)")" \
    "$before" "results after going on"
equal "$(sql "$T/code.db" "SELECT count(*) FROM run")" 1 "runs"

# Another module is another task; a suite may give the permission too.
echo '# changed' >> "$dir/utils.py"
cat > "$T/suite.yaml" <<END
models: [{model: demo, backend: mock, variants: [fp32]}]
tasks: ["$dir/choice.yaml"]
allow-task-code: true
scenario: none
END
expect 0 "1 of 1 variants, 7 items" "$ASSAY" run "$T/suite.yaml" --db "$T/code.db"
equal "$(sql "$T/code.db" "SELECT count(*) FROM task WHERE name = 'choice'")" 2 "tasks called choice"
expect 1 "there is no 'no-such-python'; see --task-code-python" run --allow-task-code --task-code-python no-such-python
expect 1 "the Python process ended|starts none|can't be started" run --allow-task-code --task-code-python "$ASSAY"
expect 2 "task-code-memory" run --allow-task-code --task-code-memory much
# A score that first comes up after row 0: the first eight documents tell of theirs, a later one is refused, not dropped.
mkdir "$T/late"
for i in $(seq 0 11); do echo "{\"n\": $i}"; done > "$T/late/rows.jsonl"
cat > "$T/late/late.py" <<'END2'
def process_results(doc, results):
    return {"acc": 1.0, **({"third": 2.0} if doc["n"] == 3 else {}), **({"tenth": 4.0} if doc["n"] == 10 else {})}
END2
late() { printf 'task: late\n%s\ndoc_to_text: "{{n}}"\ndoc_to_target: a\nprocess_results: !function late.process_results\nmetric_list:\n' "$head"
         for m in "$@"; do printf '  - {metric: %s, aggregation: mean, higher_is_better: true}\n' "$m"; done; } 
late acc > "$T/late/late.yaml"
again() { "$ASSAY" run --backend mock --model demo --scenario none --tasks "$T/late/late.yaml" --db "$T/late.db" --allow-task-code "$@"; }
expect 0 "12 items|8 items|1 of 1" again --limit 9
equal "$(sql "$T/late.db" "SELECT r.value, r.n FROM result r JOIN measure m ON m.id = r.measure_id WHERE m.metric = 'third'")" "2.0|1" \
    "a score of the fourth document only"
expect 3 "row 10: a function yields the score 'tenth', which it did not for the first documents: name it in 'metric_list'" again
late acc tenth > "$T/late/late.yaml"
expect 0 "12 items, .*12 from the store" again
equal "$(sql "$T/late.db" "SELECT r.value, r.n FROM result r JOIN measure m ON m.id = r.measure_id WHERE m.metric = 'tenth'")" "4.0|1" \
    "a late score that is named"

# Samples hold what Python's numbers were: an int, a float, a bool.
expect 0 . "$ASSAY" export lm-eval --db "$T/code.db" --out "$T/export" --allow-task-code
equal "$(grep -oh '"metrics": \[[^]]*\]' "$T"/export/*/samples_choice_*.jsonl | sort | uniq -c | tr -s ' ' | tr '\n' ';')" \
    ' 3 "metrics": ["acc", "seen", "extra", "odd"]; 4 "metrics": ["acc", "seen", "extra"];' "scores of the documents, in Python's order"
grep -qE '"acc": [01], .*"extra": [0-9]+\.0, "odd": true' "$T"/export/*/samples_choice_*.jsonl || fail "types of scores in samples"

# What a run may load, show and data may look at.
expect 0 "refused .*--allow-task-code would load it" "$ASSAY" show task choice --task-dir "$dir"
expect 0 "item 0, target [01]" "$ASSAY" show task choice --task-dir "$dir" --allow-task-code
grep -q 'Q: ITEM' "$T/.out" || fail "no prompt: $(cat "$T/.out")"
expect 0 "there is no 'no-such-python'" "$ASSAY" show task choice --task-dir "$dir" --allow-task-code --task-code-python no-such-python
sed 's/dataset_path: json/dataset_path: owner\/set/; /dataset_kwargs/d' "$dir/choice.yaml" > "$dir/far.yaml"
sed -i 's/^task: choice/task: far/' "$dir/far.yaml"
expect 0 "1 task does not load .*--allow-task-code would load it" "$ASSAY" data get --tasks far --task-dir "$dir" --offline
expect 1 "offline, and 'owner/set' is not in the cache" "$ASSAY" data get --tasks far --task-dir "$dir" --offline --allow-task-code
expect 2 "task-code-memory" "$ASSAY" data get --tasks far --task-dir "$dir" --offline --allow-task-code --task-code-memory much
done_testing
