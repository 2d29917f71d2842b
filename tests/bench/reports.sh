#!/bin/bash
# reports.sh - what reading costs: a comparison and a report of ten million scores (20 variants, 50 tasks
# of 10,000 items), made with SQL from a small synthetic store.
#
#   tests/bench/reports.sh BUILD [ITEMS]     prints wall s, CPU s, peak MiB and the size of the page
set -eu
build=$1
items=${2:-10000}
tmp=$(mktemp -d "${TMPDIR:-/tmp}/assay-bench-XXXXXX")
trap 'rm -rf "$tmp"' EXIT
command -v sqlite3 >/dev/null || { echo 'skipped: no sqlite3 here'; exit 0; }

"$build/tests/reports/make_store" "$tmp/x.db" 5 0 1
sqlite3 "$tmp/x.db" >/dev/null <<Q
PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; PRAGMA cache_size = -200000;
BEGIN;
DELETE FROM score; DELETE FROM result; DELETE FROM job WHERE kind <> 'scenario'; DELETE FROM task_group;
DELETE FROM task; DELETE FROM item; DELETE FROM response;
WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO variant SELECT i, 'v' || i, model_id, backend, backend_version, 'int8 ' || i, options, info
  FROM n, variant WHERE variant.id = 2;
WITH RECURSIVE n(i) AS (SELECT 8 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO run_variant (id, run_id, variant_id, position, name, is_reference, status)
  SELECT i, 1, i, i - 1, 'variant-' || i, 0, 'done' FROM n;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
INSERT INTO task SELECT i, 't' || i, 'subject_' || i, NULL, '1', 'multiple_choice', 0, 'c', 'd', 'data', '{}'
  FROM n;
INSERT INTO job (run_variant_id, kind, task_id, name, status)
  SELECT v.id, 'task', t.id, t.name, 'done' FROM task t, run_variant v;
INSERT INTO result (run_variant_id, job_id, measure_id, value, stderr, n, higher_is_better, aggregation)
  SELECT run_variant_id, id, 1, 0.6, 0.005, $items, 1, 'mean' FROM job WHERE kind = 'task';
-- a fixed score per item, lost by chance, more often by later variants
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $items - 1)
INSERT INTO score SELECT j.id, 1, n.i, CASE WHEN (n.i * 48271 + j.id * 69621) * 16807 % 2147483647 % 1024
    < 10 + j.run_variant_id THEN 0.0 ELSE ((n.i * 7919 + j.task_id * 104729) % 97 < 60) * 1.0 END, NULL, NULL
  FROM job j, n WHERE j.kind = 'task' ORDER BY j.id, n.i;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < $items - 1)
INSERT INTO item SELECT t.id, n.i, zeroblob(16), 'Question ' || n.i || ' of a subject', '["yes","no"]', '0',
    randomblob(32) FROM task t, n;
COMMIT;
Q
sqlite3 "$tmp/x.db" "SELECT printf('%,d scores', count(*)) FROM score"
for words in 'compare' 'compare --wide' "report --html $tmp/r.html"; do
    # shellcheck disable=SC2086
    "$build/tests/bench/timeit" 3 "${words%%/*}" "$build/assay" $words --db "$tmp/x.db" |
        awk -F '\t' '{ printf "%-18s %6.2f s wall  %6.2f s CPU  %6.1f MiB\n", $1, $2, $3, $4 }'
done
printf 'the page: %d bytes\n' "$(wc -c < "$tmp/r.html")"
