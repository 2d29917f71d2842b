#!/bin/sh
# seeds.sh DIR - first inputs for the fuzzers, from the project's own files.
set -eu
out=$1
mkdir -p "$out/gguf" "$out/json" "$out/template" "$out/task"
find tasks/library tests -name '*.yaml' | while read -r f; do
    cp "$f" "$out/task/$(printf '%s' "$f" | tr '/ ' '__')"
done
find tasks/library tests -name '*.jsonl' -size -40k | while read -r f; do
    { printf 'p'; head -c 2000 "$f"; } > "$out/json/$(printf '%s' "$f" | tr '/ ' '__')"
done
printf 'q[{"a": 1, "b": [1.5, null, true]}]' > "$out/json/list"
printf 'ra,b\n1,"x ""y"", z"\n2,\n' > "$out/json/csv"
printf 'sa\tb\n1\t2\n' > "$out/json/tsv"
i=0
grep -rhoE '\{\{.*\}\}|\{%.*%\}' tasks/library tests/tasks 2>/dev/null | sort -u | head -400 |
while read -r line; do
    i=$((i + 1))
    printf '%s' "$line" > "$out/template/$i"
done
