#!/bin/bash
# clusters.sh - questions about one passage no independent evidence: which belong together is found out,
# or said by the task, and intervals and p-values are those of an independent computation.
. tests/cli/lib.sh

mkdir -p "$T/t"
python3 - > "$T/t/rows.jsonl" << 'PY'
import json
for i in range(360):
    p = i % 60                     # passages are not adjacent
    print(json.dumps({"id": p // 2, "story": {"text": f"Passage {p}: " + f"the fox {p} met the hare {p * 7 % 61} " * 3},
                      "question": f"question {i}?", "good": f"yes {i * 7 % 89}", "bad": f"no {i * 3 % 83}"}))
PY
task() {                           # NAME METADATA
    cat > "$T/t/$1.yaml" << Y
task: $1
dataset_path: json
dataset_kwargs: {data_files: {test: rows.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: "{{story.text}} {{question}}"
doc_to_target: 0
doc_to_choice: "{{[good, bad]}}"
metadata: {version: 1${2:+, $2}}
Y
}
task about; task by_id "cluster: id"; task apart "cluster: false"; task wrong "cluster: chapter"
db=$T/c.db
expect 0 "" "$ASSAY" run --backend mock --model demo --precision fp32,int4,int8 --kl-docs 0 --scenario none --db "$db" \
    --tasks "$T/t/about.yaml,$T/t/by_id.yaml,$T/t/apart.yaml"
expect 0 "^note: 'about' has 360 items about 60 texts, 'by_id' has 360 items about 30$" \
    "$ASSAY" compare --db "$db"
expect 0 "" "$ASSAY" report --db "$db" --html "$T/c.html" --csv "$T/csv"
grep -q "'by_id\|by_id&#39;\|by_id&apos;" "$T/c.html" && grep -q "no independent evidence" "$T/c.html" || fail "the page does not say it"
python3 - "$db" "$T/csv/report.csv" << 'PY' || fail "intervals differ from those computed apart"
import csv, math, sqlite3, statistics, sys
normal = statistics.NormalDist()
db, rows = sqlite3.connect(sys.argv[1]), list(csv.DictReader(open(sys.argv[2], newline="")))

def said(variant, task, stat):
    x = [r for r in rows if r["variant"] == variant and r["task"] == task and r["stat"] == stat and r["metric"] == "acc"]
    return (float(x[0]["value"]), float(x[0]["lo"] or "nan"), float(x[0]["hi"] or "nan")) if x else None

def scores(variant, task):
    return dict(db.execute("""SELECT s.idx, s.value FROM score s JOIN job j ON j.id = s.job_id JOIN run_variant v ON
        v.id = j.run_variant_id JOIN measure m ON m.id = s.measure_id WHERE v.name = ? AND j.name = ? AND m.metric = 'acc'""",
        (variant, task)))

seen = 0
for task, key in (("about", lambda i: i % 60), ("by_id", lambda i: i % 60 // 2)):
    for variant in ("int4", "int8"):
        a, b = scores("fp32", task), scores(variant, task)
        d = {i: b[i] - a[i] for i in a}
        n, mean = len(d), sum(d.values()) / len(d)
        sums = {}
        for i in d:
            sums[key(i)] = sums.get(key(i), 0) + d[i] - mean
        g = len(sums)
        plain = sum((x - mean) ** 2 for x in d.values()) / (n * (n - 1))
        deff = max(1, sum(s * s for s in sums.values()) / n ** 2 * g / (g - 1) / plain) if plain else 1
        assert said(variant, task, "clusters")[0] == g
        assert abs(said(variant, task, "design_effect")[0] - deff) < 1e-9 * deff, (said(variant, task, "design_effect"), deff)
        v, lo, hi = said(variant, task, "delta")
        _, lo0, hi0 = said(variant, "apart", "delta")      # the same answers, taken one by one
        root = math.sqrt(deff)
        assert abs(v - lo - root * (v - lo0)) < 1e-9 and abs(hi - v - root * (hi0 - v)) < 1e-9
        p, p0 = said(variant, task, "p_mcnemar_mid")[0], said(variant, "apart", "p_mcnemar_mid")[0]
        assert abs(p - 2 * normal.cdf(normal.inv_cdf(p0 / 2) / root)) < 1e-6, (p, p0)
        seen += deff > 1
assert seen, "no design effect above 1 was seen"
assert said("int4", "apart", "clusters") is None
PY
# Nothing is noted of documents without a long text, and a column that is not there is an error.
expect 1 "wrong.yaml: metadata.cluster names the column 'chapter', which a document lacks" \
    "$ASSAY" run --backend mock --model demo --precision fp32 --scenario none --db "$T/w.db" --tasks "$T/t/wrong.yaml"
"$ASSAY" run --backend mock --model demo --precision fp32 --scenario none --db "$T/s.db" --tasks smoke_choice --quiet > "$T/.run" 2>&1
# Of a database that was filled before, grading finds out.
sqlite3 "$db" "DELETE FROM cluster"
"$ASSAY" compare --db "$db" | grep -q "^note: 'about'" && fail "a note without clusters"
expect 0 "" "$ASSAY" grade --db "$db"
equal "$(sqlite3 "$db" "SELECT count(*) FROM cluster")" 720 "clusters after grading"
done_testing
