#!/bin/sh
# Rewrites what tests/golden/ has from llama.cpp.  For people, not for CI: it needs a
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

# The tiny models of tests/native/make_gguf.h, written by a program of ten lines.
cat > "$tmp/tiny.c" <<'END'
#include "tests/native/make_gguf.h"
int main(int argc, char **argv)
{
    for (size_t i = 0; argc == 2 && i < MK_VARIANTS; i++) {
        char to[4096], *from = mk_tiny_file(&mk_variants[i].tiny);
        snprintf(to, sizeof to, "%s/%s.gguf", argv[1], mk_variants[i].name);
        if (rename(from, to))
            return 1;
        free(from);
    }
    struct mk g;
    struct buf b;
    mk_init(&g);
    mk_tiny_keys(&g, &mk_tiny_default);
    mk_odd_vocab(&g);
    mk_finish(&g, &b);
    char to[4096];
    snprintf(to, sizeof to, "%s/odd.vocab", argv[1]);
    return rename(mk_write(&b), to);
}
END
make -C "$here/../.." BUILD="$tmp/build" "$tmp/build/lib/backends-native.a" "$tmp/build/lib/harness-base.a"
(cd "$here/../.." && cc -std=c11 -D_GNU_SOURCE -ffp-contract=off -I. -o "$tmp/tiny" "$tmp/tiny.c" \
    "$tmp/build/lib/backends-native.a" "$tmp/build/lib/harness-base.a" -lutf8proc -lm -lpthread)
TMPDIR=$tmp "$tmp/tiny" "$tmp"
for f in "$tmp"/*.gguf; do
    head -n 3 "$here/llama_prompts.txt" | "$tmp/golden" "$lib" "$f" logits \
        > "$here/../golden/tiny-$(basename "$f" .gguf)-logits.txt"
done
python3 "$here/llama_strings.py" odd > "$tmp/texts"
"$tmp/golden" "$lib" "$tmp/odd.vocab" tokens < "$tmp/texts" > "$here/../golden/odd-tokens.tsv"

# Byte-level BPE: one vocabulary trained on the texts, once per pre-tokenizer.
python3 "$here/bpe_strings.py" > "$here/../golden/bpe-texts.txt"
cat > "$tmp/bpe.c" <<'END'
#include "tests/native/make_bpe.h"
int main(int argc, char **argv)
{
    struct assay_err e = {0};
    for (size_t i = 0; argc == 2 && i < BPE_PRES; i++) {
        char to[4096];
        snprintf(to, sizeof to, "%s/%s.bpe", argv[1], bpe_pres[i]);
        if (bpe_make(bpe_pres[i], to, &e) < 0)
            return fprintf(stderr, "%s\n", e.msg), 1;
    }
    return 0;
}
END
make -C "$here/../.." BUILD="$tmp/build" "$tmp/build/lib/bpe-train.a"
(cd "$here/../.." && cc -std=c11 -D_GNU_SOURCE -I. -o "$tmp/bpe" "$tmp/bpe.c" "$tmp/build/lib/bpe-train.a" \
    "$tmp/build/lib/backends-native.a" "$tmp/build/lib/harness-base.a" -lpcre2-8 -lutf8proc -lm -lpthread \
    && "$tmp/bpe" "$tmp")
shift 3
for f in "$tmp"/*.bpe; do
    "$tmp/golden" "$lib" "$f" tokens < "$here/../golden/bpe-texts.txt" > "$f.tsv"
    set -- "$@" "$(basename "$f" .bpe)=$f.tsv"
done
python3 "$here/bpe_golden.py" "$@" > "$here/../golden/bpe-tokens.tsv"
wc -lc "$here"/../golden/*
