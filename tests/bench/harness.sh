#!/bin/bash
# harness.sh - what the harness itself costs: minimal pairs through the mock backend, rendered, asked,
# stored and graded, from 10,000 to 1,000,000 rows; then reading them back.
#
#   tests/bench/harness.sh BUILD [ROWS ...]     prints rows, requests/s, wall s, CPU s, peak MiB
set -eu
build=$1
shift
[ $# -gt 0 ] || set -- 10000 67000 1000000
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench-XXXXXX")
trap 'rm -rf "$tmp"' EXIT

for n; do
    awk -v n="$n" 'BEGIN { for (i = 0; i < n; i++)
        printf "{\"sentence_good\": \"Some pupils of teacher %d were found by the river.\", \"sentence_bad\": \"Some pupils of teacher %d was found by the river.\", \"field\": \"syntax\", \"pairID\": \"%d\"}\n", i, i, i }' > "$tmp/rows.jsonl"
    cat > "$tmp/pairs.yaml" <<Y
task: pairs
dataset_path: json
dataset_kwargs: {data_files: {train: $tmp/rows.jsonl}}
validation_split: train
output_type: multiple_choice
doc_to_text: ""
doc_to_target: 0
doc_to_choice: "{{[sentence_good, sentence_bad]}}"
metric_list:
  - {metric: acc}
Y
    rm -f "$tmp"/x.db*
    "$build/tests/bench/timeit" 1 "$n" "$build/assay" run --backend mock --model mock --precision fp32 \
        --scenario none --tasks "$tmp/pairs.yaml" --db "$tmp/x.db" > "$tmp/time"
    awk -F '\t' '{ printf "%9d rows  %9.0f requests/s  %6.2f s wall  %6.2f s CPU  %6.1f MiB\n",
                   $1, 2 * $1 / $2, $2, $3, $4 }' "$tmp/time"
done
"$build/tests/bench/timeit" 3 "report of the last" "$build/assay" report --db "$tmp/x.db" --html "$tmp/r.html" |
    awk -F '\t' '{ printf "%-18s %6.2f s wall  %6.2f s CPU  %6.1f MiB\n", $1, $2, $3, $4 }'
