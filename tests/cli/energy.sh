#!/bin/bash
# energy.sh - from counters that move while a run works, to the table, the page and the CSV.
. tests/cli/lib.sh
export ASSAY_POWERCAP=$T/powercap
zone=$ASSAY_POWERCAP/intel-rapl:0
mkdir -p "$zone"
echo package-0 > "$zone/name"
echo 65532610987 > "$zone/max_energy_range_uj"

# 20 W, from just before the counter starts again; a new file each time, so nobody reads half of one.
move() {
    local start=${EPOCHREALTIME/./} now
    while [ -d "$zone" ]; do
        now=$(((65532000000 + (${EPOCHREALTIME/./} - start) * 20) % 65532610987))
        echo "$now" > "$zone/part" && mv "$zone/part" "$zone/energy_uj"
        sleep 0.01
    done 2> /dev/null
}
run=("$ASSAY" run --backend mock --option slow-ns=40000000 --tasks smoke_choice --precision fp32,int4 --bootstrap 0
     --scenario decode:4+8 --rounds 1 --repetitions 12)
echo 1 > "$zone/energy_uj"
move &
mover=$!
expect 0 'measuring idle power for 1 s' "${run[@]}" --idle 1 --db "$T/a.db"
kill "$mover"
wait "$mover" 2> /dev/null
expect 0 '^energy, rapl-package, tokens of decode:4\+8; net of idle power, ' "$ASSAY" compare --db "$T/a.db"
expect 0 '^variant +J/token +net \[95 %\] +J/correct +net$' "$ASSAY" compare --db "$T/a.db"
expect 0 '^fp32 +~?[0-9.]+ ' "$ASSAY" compare --db "$T/a.db"
expect 0 '' "$ASSAY" report --db "$T/a.db" --html "$T/a.html" --csv "$T/csv"
grep -q '<section id="energy"' "$T/a.html" || fail "the page has no energy"
grep -qE 'fp32,decode:4\+8,energy,net,.*,[0-9]+,J/token,rapl-package' "$T/csv/report.csv" || fail "no J/token in report.csv"
grep -q 'int4,smoke_choice,energy,gross,.*,J/correct answer,rapl-package' "$T/csv/report.csv" || fail "no J/correct answer"
expect 0 '' "$ASSAY" db check --db "$T/a.db"

# The same database again: what came from the store is no measurement of the model.
echo 5 > "$zone/energy_uj"
expect 0 '' "${run[@]}" --idle 0 --db "$T/a.db"
expect 0 '^energy: not measured: .* did not move ' \
    "$ASSAY" compare --wide --db "$T/a.db"

# Merged, it is all there.
expect 0 '' "$ASSAY" db merge --db "$T/all.db" "$T/a.db"
equal "$(sql "$T/a.db" "SELECT count(*) FROM energy WHERE reason = 'answers came from the store'")" 2 "reasons"
equal "$(sql "$T/all.db" 'SELECT count(*), sum(uj) FROM energy')" "$(sql "$T/a.db" 'SELECT count(*), sum(uj) FROM energy')" \
    "energy merged"

# A meter that lies, and none: the run is the same, and with --wide a line says why.
quick=("$ASSAY" run --backend mock --tasks smoke_choice --precision fp32,int4 --bootstrap 0 --scenario none)
echo much > "$zone/energy_uj"
expect 0 '' "${quick[@]}" --db "$T/b.db"
expect 0 '^energy: not measured: energy_uj of intel-rapl:0 holds no number$' "$ASSAY" compare --wide --db "$T/b.db"
rm -r "$zone"
expect 0 '' "${quick[@]}" --db "$T/c.db"
expect 0 '^energy: not measured: this machine shows no RAPL counters' "$ASSAY" compare --wide --db "$T/c.db"
"$ASSAY" compare --db "$T/c.db" | grep -q energy && fail "what is usual is said without --wide"
done_testing
