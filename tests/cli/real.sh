#!/bin/bash
# real.sh - the transcript of the manual on a real model and two real paradigms.
. tests/cli/lib.sh
model=../shared/models/stories260K.gguf
needs "$model"
needs ../shared/datasets/blimp
db=$T/blimp.db
"$ASSAY" list tasks | grep -oE 'blimp_[a-z0-9_]+' | sort -u > "$T/tasks"
tasks=blimp_anaphor_number_agreement,blimp_determiner_noun_agreement_1
for t in ${tasks//,/ }; do
    grep -qx "$t" "$T/tasks" || fail "no task $t"
    ls ../shared/datasets/blimp | grep -q "^${t#blimp_}[.]" || tasks=
done
# Those two, or the first two whose data is there.
[ -n "$tasks" ] || tasks=$(ls ../shared/datasets/blimp | grep jsonl | sed 's/[.].*//; s/^/blimp_/' | head -n 2 | paste -sd,)
expect 0 "3 of 3 variants, 300 items" "$ASSAY" run --model "$model" --tasks "$tasks" --data ../shared/datasets \
    --precision fp32,int8,int4 --scenario prefill:32 --repetitions 2 --limit 50 --bootstrap 50 --db "$db"
expect 0 "^int4 +[0-9.]+ .*/" "$ASSAY" compare --db "$db"
expect 0 "acc" "$ASSAY" results --db "$db"
equal "$(tail -n +2 "$T/.out" | cut -d, -f3 | sort -u | paste -sd,)" "fp32,int4,int8" "variants with results"
expect 0 "html" "$ASSAY" report --db "$db" --html "$T/r.html" --csv "$T/csv"
expect 0 "no findings" "$ASSAY" db check --db "$db"
# A story is likelier than its words shuffled.
expect 0 "'.?time'|time" "$ASSAY" probe --model "$model" --precision fp32 --text "Once upon a"
done_testing
