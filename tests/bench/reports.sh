#!/bin/bash
# reports.sh - what reading costs: a comparison, a report and a gate of ten million scores (20 variants, 50
# tasks of 10,000 items) behind 500 nights of speeds, memory and accuracies, made with SQL from a small
# synthetic store.
#
#   tests/bench/reports.sh BUILD [ITEMS [NIGHTS]]    prints wall s, CPU s, peak MiB and the page's size
set -eu
build=$1
items=${2:-10000}
nights=${3:-500}
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
-- the nights before: two speeds of every variant, its memory, its accuracies; the same fingerprints
UPDATE run SET started_ns = $nights * 86400000000000, ended_ns = started_ns + 1 WHERE id = 1;
WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < $nights)
INSERT INTO run SELECT i, printf('night-%04d', i), plan_uid, suite, command, version, machine_id, seed, status,
    i * 86400000000000 - 86400000000000, i * 86400000000000 FROM n, run WHERE run.id = 1;
UPDATE run_variant SET status = 'done', reason = NULL, peak_rss_bytes = 50000000 WHERE run_id = 1;
UPDATE run_variant SET variant_id = id WHERE run_id = 1 AND variant_id IS NULL;
INSERT INTO run_variant (id, run_id, variant_id, position, name, is_reference, status, peak_rss_bytes)
  SELECT r.id * 100 + v.id, r.id, v.variant_id, v.position, v.name, v.is_reference, v.status,
    v.peak_rss_bytes + (r.id * 7919 + v.id * 31) % 1000 FROM run r, run_variant v
  WHERE r.id > 1 AND v.run_id = 1;
DELETE FROM job WHERE kind = 'scenario';
INSERT OR IGNORE INTO scenario VALUES (9001, 'scenario-p', 'prefill:100', 'prefill', '{}'),
    (9002, 'scenario-q', 'prefill:200', 'prefill', '{}');
INSERT INTO job (run_variant_id, kind, scenario_id, name, status)
  SELECT v.id, 'scenario', s.id, s.name, 'done' FROM run_variant v, scenario s WHERE s.id > 9000;
INSERT INTO job (run_variant_id, kind, task_id, name, status, n_items, n_done)
  SELECT v.id, 'task', t.id, t.name, 'done', $items, $items FROM task t, run_variant v WHERE v.run_id > 1;
INSERT INTO result (run_variant_id, job_id, measure_id, value, stderr, n, higher_is_better, aggregation)
  SELECT run_variant_id, id, 1, 0.6, 0.005, $items, 1, 'mean' FROM job
  WHERE kind = 'task' AND run_variant_id > 100;
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 5)
INSERT INTO sample SELECT j.id, n.i, 0, 100, 1, 100000000 + (j.id * 48271 + n.i * 69621) % 800000, 1,
    100000000 + (j.id * 48271 + n.i * 69621) % 800000, NULL, 0, 0, n.i FROM job j, n WHERE j.kind = 'scenario';
COMMIT;
Q
sqlite3 "$tmp/x.db" "SELECT printf('%,d scores', count(*)) FROM score;
    SELECT printf('%,d nights, %,d jobs, %,d results', (SELECT count(*) FROM run), count(*),
    (SELECT count(*) FROM result)) FROM job"
printf 'models: [{model: any, backend: mock}]\nscenario: none\ntasks: [smoke]\n' > "$tmp/suite.yaml"
# Limits in seconds and MiB, on an idle machine; more than that fails.
gate="gate $tmp/suite.yaml --judge $(sqlite3 "$tmp/x.db" 'SELECT uid FROM run WHERE id = 1')"
rc=0
while IFS='|' read -r seconds mib words; do
    # shellcheck disable=SC2086
    "$build/tests/bench/timeit" 3 "${words%% *}" "$build/assay" $words --db "$tmp/x.db" |
        awk -F '\t' -v name="${words%%/*}" -v s="$seconds" -v m="$mib" '{
            over = $2 > s || $4 > m
            printf "%-18s %6.2f s wall  %6.2f s CPU  %6.1f MiB  (limits %d s, %d MiB)%s\n",
                substr(name, 1, 18), $2, $3, $4, s, m, over ? "  OVER" : "" } END { exit over }' || rc=1
done << W
2|64|compare
2|64|compare --wide
10|286|report --html $tmp/r.html
2|150|$gate
2|64|history prefill
5|250|history
W
size=$(wc -c < "$tmp/r.html")
printf 'the page: %d bytes (limit 2 MB)\n' "$size"
[ "$size" -lt 2000000 ] || { echo 'the page is too large'; rc=1; }
exit $rc
