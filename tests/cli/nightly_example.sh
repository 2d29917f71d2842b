#!/bin/bash
# nightly_example.sh - the files of examples/nightly are what they say: the job script runs nights with
# the gate's status, the cron line and the units are accepted, the workflow's script does what it says.
. tests/cli/lib.sh
export ASSAY ASSAY_BACKEND_PATH=${BUILD:-build/release}/backends
case $ASSAY in /*) ;; *) ASSAY=$PWD/$ASSAY ;; esac
case $ASSAY_BACKEND_PATH in /*) ;; *) ASSAY_BACKEND_PATH=$PWD/$ASSAY_BACKEND_PATH ;; esac
here=$PWD/examples/nightly
home=$T/home
mkdir -p "$home/assay"
cp "$here/nightly.sh" "$home/assay"

# The suite of the example, with a backend that needs no model.
sed -e "s|model: model.gguf.*|model: any\n    backend: mock|" -e "s|tasks: .*|tasks: [smoke_choice]\ntask-dir: [$PWD/tasks/library]|" \
    -e 's/repetitions: 9/repetitions: 2/' -e '/^data:/d' -e 's/speed: 2 /speed: 100 /' -e 's/memory, accuracy/accuracy/' \
    -e 's/margin: 1 /use-dirty: true\n  aa-blocks: 0\n  canary: false\n  margin: 100 /' "$here/nightly.yaml" > "$home/assay/nightly.yaml"
expect 12 "^incomparable" "$home/assay/nightly.sh" "$home/assay"
stamp=$(date -u +%Y-%m-%d)
for end in xml json md txt; do
    [ -s "$home/assay/reports/$stamp.$end" ] || fail "no reports/$stamp.$end"
done
for _ in 1 2 3 4 5 6 7; do "$home/assay/nightly.sh" "$home/assay" > /dev/null; done
expect 0 "^pass" "$home/assay/nightly.sh" "$home/assay"

if command -v crontab > /dev/null && crontab -h 2>&1 | grep -q -- "-n.*dry run"; then
    crontab -n "$here/crontab" > "$T/cron.out" 2>&1 || { fail "cron does not accept the line"; cat "$T/cron.out" >&2; }
fi
# The cron line as cron runs it: silent on a pass, heard of otherwise.
line=$(sed -n 's/^30 2 \* \* \* //p' "$here/crontab")
HOME=$home sh -c "$line" > "$T/cron.out" 2>&1 || fail "the cron line fails on a pass"
[ -s "$T/cron.out" ] && { fail "the cron line is not silent on a pass"; cat "$T/cron.out"; }
sed -i 's/backend: mock/backend: mock\n    options: {crash-at: 1}/' "$home/assay/nightly.yaml"
HOME=$home expect 3 "not measured" sh -c "$line"

# The workflow's script: the summary is there, and the status is the gate's.
sed -n '/run: |/,/- uses: actions.upload/p' "$here/workflow.yml" | sed '1d;$d;s/^          //' > "$T/step.sh"
expect 3 "not measured" env NIGHTLY="$home/assay" GITHUB_STEP_SUMMARY="$T/summary.md" bash -e "$T/step.sh"
grep -q "^## assay gate: failed" "$T/summary.md" || fail "no summary"

if command -v systemd-analyze > /dev/null; then
    mkdir "$T/units"
    sed "s|%h|$home|g" "$here/assay-nightly.service" > "$T/units/assay-nightly.service"
    cp "$here/assay-nightly.timer" "$T/units"
    systemd-analyze verify --man=no "$T/units/assay-nightly.timer" "$T/units/assay-nightly.service" > "$T/units.out" 2>&1 ||
        { fail "systemd does not accept the units"; cat "$T/units.out" >&2; }
    grep -q "units/assay-nightly" "$T/units.out" && { fail "systemd warns about the units"; cat "$T/units.out" >&2; }
    systemd-analyze calendar "$(sed -n 's/^OnCalendar=//p' "$here/assay-nightly.timer")" > /dev/null || fail "OnCalendar"
fi
done_testing
