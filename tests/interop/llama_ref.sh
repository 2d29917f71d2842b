#!/bin/bash
# llama_ref.sh - what llama.cpp itself makes of the shipped reference model: tokens, log-likelihoods, the
# perplexity that its llama-perplexity prints, and greedy answers.
#
#   tests/interop/llama_ref.sh BUILD            rewrites tests/golden/ref-*.tsv
#   tests/interop/llama_ref.sh --check BUILD    runs the tests that read them over what llama.cpp says here and now
#
# Promised: every token equal, log-likelihoods of 400 documents to 1e-4, perplexity to four decimals; of 1,120
# greedy answers 99 in 100 equal.  tests/native/test_ref.c, test_vocab.c and tests/cli/reference.sh hold it to that.
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

# Of llama-perplexity the libraries lack only these two files.
${CXX:-c++} -std=c++17 -O1 -w -I"$llama_src/common" -I"$llama_src/include" -I"$llama_src/ggml/include" -I"$llama_src/vendor" \
    -o "$tmp/perplexity" "$llama_src"/tools/perplexity/perplexity.cpp "$llama_src"/tools/perplexity/main.cpp \
    "$(so llama-common)" "$(so llama)" "$(so ggml)" "$(so ggml-base)" -lpthread -Wl,-rpath,"$(cd "$llama_lib" && pwd)"
(cd "$llama_lib" && "$tmp/perplexity" -m "$tmp/f32.gguf" -f "$rows/calibration.txt" -c 64 -b 64 -t 1 -ctk f32 -ctv f32 \
    -fa off) > "$tmp/perplexity.log" 2>&1 || { cat "$tmp/perplexity.log"; exit 1; }
sed -n 's/.*Final estimate: PPL = \([0-9.]*\) .*/64\t\1/p' "$tmp/perplexity.log" > "$golden/ref-perplexity.tsv"
[ -s "$golden/ref-perplexity.tsv" ] || { cat "$tmp/perplexity.log"; exit 1; }

"$build/assay" run --model ref --precision fp32 --tasks mini_gen --limit 80 --scenario none --db "$tmp/a.db"
"$build/assay" export lm-eval --db "$tmp/a.db" --out "$tmp/samples"
python3 "$here/ref_strings.py" prompts "$tmp/samples" > "$tmp/prompts"
python3 "$here/ref_strings.py" answers "$tmp/samples" > "$tmp/ours"
"$tmp/golden" "$llama_lib" "$tmp/f32.gguf" answers < "$tmp/prompts" | paste "$tmp/ours" - | cut -f 1,2,4 > "$golden/ref-answers.tsv"
set +e
wc -lc "$golden"/ref-*
strings=$(wc -l < "$golden/ref-tokens.tsv") documents=$(wc -l < "$golden/ref-nll.tsv")
answers=$(wc -l < "$tmp/ours") same=$(grep -cFxf "$golden/ref-answers.tsv" "$tmp/ours")
ppl="llama-perplexity $(cut -f 2 "$golden/ref-perplexity.tsv")"
if [ -z "$check" ]; then
    cp "$golden"/ref-*.tsv "$root/tests/golden"
    summary "wrote tests/golden/ref-tokens.tsv ($strings strings), ref-nll.tsv ($documents documents), ref-perplexity.tsv" \
        "($ppl) and ref-answers.tsv ($same of $answers equal)"
fi
[ "$answers" -ge 1000 ] && [ $((same * 100)) -ge $((answers * 99)) ] || miss "$same of $answers greedy answers equal"
ln -s "$root/backends" "$root/datasets" "$tmp/tree"
for t in vocab ref; do
    (cd "$tmp/tree" && "$build/tests/native/test_$t") > "$tmp/$t" 2>&1 || miss "test_$t: $(grep -m1 'FAILED\|[Ee]rror' "$tmp/$t")"
    cat "$tmp/$t"
done
summary "$strings strings, every token equal; $documents documents: $(grep -m1 '^log-likelihoods' "$tmp/ref")" \
    "$(grep -m1 'by llama-perplexity' "$tmp/ref"); greedy answers: $same of $answers equal"
