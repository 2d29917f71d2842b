#!/bin/bash
# bpe.sh - assay-bpe: the same file whatever the order of the text, from files or standard input; bad
# input is one line and writes nothing.
. tests/cli/lib.sh
bpe=${BUILD:-build/release}/assay-bpe
[ -x "$bpe" ] || { echo "$bpe is not built"; exit 77; }

for i in 1 2 3 4 5 6 7 8 9; do
    echo "line $i: the quick brown fox jumps over $i$i lazy dogs, then rests"
    echo "नमस्ते दुनिया $i"
done > "$T/text"
tac "$T/text" > "$T/reversed"

expect 0 '^300 tokens: 2 special, 256 bytes, 42 merges; ' \
    "$bpe" -n 300 --bos '<s>' --eos '</s>' -o "$T/a.gguf" "$T/text"
expect 0 '^U\+0900-U\+097F: [0-9]+ merges; [0-9.]+ tokens a word' \
    "$bpe" -n 300 --bos '<s>' --eos '</s>' -o "$T/b.gguf" "$T/reversed"
cmp -s "$T/a.gguf" "$T/b.gguf" || fail "the order of the text changes the vocabulary"
"$bpe" -n 300 --bos '<s>' --eos '</s>' -o "$T/c.gguf" < "$T/text" > /dev/null || fail "standard input"
cmp -s "$T/a.gguf" "$T/c.gguf" || fail "standard input gives another vocabulary"
expect 0 '^usage: assay-bpe' "$bpe" --help

refused() {                         # PATTERN ARG...
    expect 1 "^assay-bpe: .*$1" "$bpe" -o "$T/no.gguf" "${@:2}"
    equal "$(wc -l < "$T/.out")" 1 "lines said by assay-bpe ${*:2}"
    [ ! -e "$T/no.gguf" ] || fail "a file was written: ${*:2}"
}
printf 'abc\377' > "$T/bytes"
refused 'cannot open|No such file' "$T/nowhere"
refused 'bytes: offset 3: not UTF-8' "$T/bytes"
refused 'the text gives [0-9]+ merges' -n 5000 "$T/text"
refused 'at least 256' -n 12 "$T/text"
refused "'12x': expected a number" -n 12x "$T/text"
refused "'tekken' is not supported; supported are default, gpt-2" --pre tekken "$T/text"
refused 'given twice' -n 300 --tag '<q>' --control '<q>' "$T/text"
refused "'900': expected LO-HI=SHARE" --reserve 900 "$T/text"
refused 'expected 0 to 1' --reserve 900-97f=7 "$T/text"
expect 1 '^assay-bpe: no output file' "$bpe" "$T/text"
expect 1 'see assay-bpe --help' "$bpe" --nosuch
done_testing
