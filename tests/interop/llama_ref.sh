#!/bin/bash
# llama_ref.sh - what llama.cpp itself makes of the shipped reference model: tokens and log-likelihoods.
#
#   tests/interop/llama_ref.sh BUILD            rewrites tests/golden/ref-*.tsv
#   tests/interop/llama_ref.sh --check BUILD    runs the tests that read them over what llama.cpp says here and now
#
# Promised: every token equal, log-likelihoods of 400 documents to 1e-4, perplexity to four digits.
# tests/native/test_ref.c and test_vocab.c hold it to that.
. "$(dirname "$0")/lib.sh"
check=
[ "${1:-}" != --check ] || { check=1; shift; }
build=$(realpath "${1:?usage: llama_ref.sh [--check] BUILD}")
need_llama_libraries
need_llama_source
model=$root/backends/native/models/ref.gguf rows=$root/datasets/mini/data
so() { ls "$llama_lib"/lib"$1".so "$llama_lib"/lib"$1".v*.so 2> /dev/null | head -n 1; }

set -e
# shellcheck disable=SC2086  # CC may be words
${CC:-cc} -std=c11 -O2 -Wall -Wextra -I"$llama_src/include" -I"$llama_src/ggml/include" -o "$tmp/golden" \
    "$here/llama_golden.c" "$(so llama)" "$(so ggml)" "$(so ggml-base)" -lm -Wl,-rpath,"$(cd "$llama_lib" && pwd)"
mkdir -p "$tmp/tree/tests"
cp -r "$root/tests/golden" "$tmp/tree/tests/golden"
golden=$tmp/tree/tests/golden
python3 "$here/ref_strings.py" tokens "$rows" > "$tmp/texts"
"$tmp/golden" "$llama_lib" "$model" tokens < "$tmp/texts" > "$golden/ref-tokens.tsv"
python3 "$here/ref_strings.py" nll "$rows" > "$tmp/documents"
# Its weights as F32: with F16 weights llama.cpp rounds activations to F16 as well, which is not fp32.
"$build/assay-train" convert --in "$model" --out "$tmp/f32.gguf" --type f32
"$tmp/golden" "$llama_lib" "$tmp/f32.gguf" nll < "$tmp/documents" > "$tmp/nll"
paste "$tmp/documents" "$tmp/nll" > "$golden/ref-nll.tsv"
set +e
wc -lc "$golden"/ref-*
strings=$(wc -l < "$golden/ref-tokens.tsv") documents=$(wc -l < "$golden/ref-nll.tsv")
if [ -z "$check" ]; then
    cp "$golden"/ref-*.tsv "$root/tests/golden"
    summary "wrote tests/golden/ref-tokens.tsv ($strings strings) and ref-nll.tsv ($documents documents)"
fi
ln -s "$root/backends" "$root/datasets" "$tmp/tree"
for t in vocab ref; do
    (cd "$tmp/tree" && "$build/tests/native/test_$t") > "$tmp/$t" 2>&1 || miss "test_$t: $(grep -m1 'FAILED\|[Ee]rror' "$tmp/$t")"
    cat "$tmp/$t"
done
summary "$strings strings, every token equal; $documents documents: $(grep -m1 '^log-likelihoods' "$tmp/ref")"
