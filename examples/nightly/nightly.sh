#!/bin/sh
# nightly.sh DIR - one night: gate the suite DIR/nightly.yaml into DIR/nightly.db, leave the reports beside it.
#
# Exits with the gate's status: 0 pass, 10 regression, 11 inconclusive, 12 nothing to compare with (yet),
# 13 improvement, 3 not measured, 75 the database is in use: tried again three times.
# No pipes and no make around the gate: they would change the status.
set -u
dir=${1:?usage: nightly.sh DIR}
assay=${ASSAY:-assay}
cd "$dir" || exit 2
mkdir -p reports
stamp=$(date -u +%Y-%m-%d)
for attempt in 1 2 3; do
    "$assay" gate nightly.yaml --db nightly.db --quiet --junit "reports/$stamp.xml" \
        --json "reports/$stamp.json" --markdown "reports/$stamp.md" > "reports/$stamp.txt"
    status=$?
    [ "$status" = 75 ] && [ "$attempt" -lt 3 ] || break
    sleep "${RETRY_SECONDS:-300}"
done
cat "reports/$stamp.txt"
exit "$status"
