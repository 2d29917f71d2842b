#!/bin/sh
# Rewrites tests/golden/stories260K-*.tsv|txt with llama.cpp.  For people, not for CI: it needs a
# llama.cpp 0.5.0 with its headers, from anywhere.  One way: the npm package node-llama-cpp holds the
# sources (llama/gitRelease.bundle, `git clone` it) and @node-llama-cpp/linux-x64 the libraries.
#
#   tests/interop/llama_golden.sh LLAMA_CPP_SOURCE LIBRARIES stories260K.gguf
set -eu
[ $# -eq 3 ] || { sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2; }
src=$1 lib=$2 model=$3
here=$(dirname "$0")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
so() { ls "$lib"/lib"$1".so "$lib"/lib"$1".v*.so 2>/dev/null | head -n 1; }
cc -std=c11 -O2 -Wall -Wextra -I"$src/include" -I"$src/ggml/include" -o "$tmp/golden" \
    "$here/llama_golden.c" "$(so llama)" "$(so ggml)" "$(so ggml-base)" -lm -Wl,-rpath,"$(cd "$lib" && pwd)"
python3 "$here/llama_strings.py" > "$tmp/texts"
"$tmp/golden" "$lib" "$model" tokens < "$tmp/texts" > "$here/../golden/stories260K-tokens.tsv"
"$tmp/golden" "$lib" "$model" logits < "$here/llama_prompts.txt" > "$here/../golden/stories260K-logits.txt"
wc -lc "$here"/../golden/stories260K-*
