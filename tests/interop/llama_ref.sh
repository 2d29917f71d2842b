#!/bin/sh
# Rewrites tests/golden/ref-*.tsv: what llama.cpp itself makes of the shipped reference model.  For people,
# not for CI; where llama.cpp comes from is told in llama_golden.sh.
#
#   tests/interop/llama_ref.sh LLAMA_CPP_SOURCE LIBRARIES
set -eu
[ $# -eq 2 ] || { sed -n '2,6s/^# \{0,1\}//p' "$0" >&2; exit 2; }
src=$1 lib=$2
here=$(dirname "$0")
golden=$here/../golden model=$here/../../backends/native/models/ref.gguf rows=$here/../../datasets/mini/data
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
so() { ls "$lib"/lib"$1".so "$lib"/lib"$1".v*.so 2>/dev/null | head -n 1; }
cc -std=c11 -O2 -Wall -Wextra -I"$src/include" -I"$src/ggml/include" -o "$tmp/golden" \
    "$here/llama_golden.c" "$(so llama)" "$(so ggml)" "$(so ggml-base)" -lm -Wl,-rpath,"$(cd "$lib" && pwd)"
python3 "$here/ref_strings.py" tokens "$rows" > "$tmp/texts"
"$tmp/golden" "$lib" "$model" tokens < "$tmp/texts" > "$golden/ref-tokens.tsv"
python3 "$here/ref_strings.py" nll "$rows" > "$tmp/documents"
# Its weights as F32: with F16 weights llama.cpp rounds activations to F16 as well, which is not fp32.
make -C "$here/../.." BUILD="$tmp/build" "$tmp/build/assay-train"
"$tmp/build/assay-train" convert --in "$model" --out "$tmp/f32.gguf" --type f32
"$tmp/golden" "$lib" "$tmp/f32.gguf" nll < "$tmp/documents" > "$tmp/nll"
paste "$tmp/documents" "$tmp/nll" > "$golden/ref-nll.tsv"
wc -lc "$golden"/ref-*
