#!/bin/bash
# bad_input.sh - each kind of bad input: one clear line with its place, the exit code, and nothing
# written.
. tests/cli/lib.sh

# CODE PATTERN ARG...: run refuses, says one line, and leaves no database, lock or logits.
refused() {
    local code=$1 pattern=$2
    shift 2
    rm -rf "$T"/x.db*
    expect "$code" "^assay: .*($pattern)" "$ASSAY" run --db "$T/x.db" "$@"
    equal "$(wc -l < "$T/.out")" 1 "lines said by run $*"
    grep -q "$(printf '\033')" "$T/.out" && fail "a control sequence was printed: $*"
    ls "$T"/x.db* > "$T/.left" 2> /dev/null && fail "left behind by run $*: $(cat "$T/.left")"
}
mock() { refused "$@" --backend mock --scenario none; }
native() { refused "$@" --scenario prefill:4 --repetitions 1; }

# -- suites ------------------------------------------------------------------------------------------
suite() { cat > "$T/$1.yaml"; }   # NAME: from stdin
suite key << 'Y'
models:
  - {model: any, backend: mock}
taks: [smoke_choice]
Y
refused 2 "key.yaml:3:1: unknown key 'taks'.*did you mean 'tasks'" "$T/key.yaml"
suite inner << 'Y'
models:
  - model: any
    backnd: mock
Y
refused 2 "inner.yaml:3:5: unknown key 'backnd'.*did you mean 'backend'" "$T/inner.yaml"
suite scenario << 'Y'
models: [{backend: mock}]
scenarios:
  - {kind: decode, prompt: 4, generat: 5}
Y
refused 2 "scenario.yaml:3:[0-9]+: unknown key 'generat'.*did you mean 'generate'" "$T/scenario.yaml"
suite broken << 'Y'
models: [
  {model: x
Y
refused 1 "broken.yaml:[0-9]+:[0-9]+: " "$T/broken.yaml"
printf 'name: "caf\xe9"\n' > "$T/latin.yaml"
refused 1 "latin.yaml:1:[0-9]+: " "$T/latin.yaml"
printf 'limit: many\n' > "$T/type.yaml"
refused 2 "type.yaml:1:8: 'limit': expected a number of at least 0, got 'many'" "$T/type.yaml"
printf -- '- a\n' > "$T/list.yaml"
refused 1 "list.yaml:1:1: a suite is a map" "$T/list.yaml"
: > "$T/empty.yaml"
refused 1 "empty.yaml:1:1: a suite is a map" "$T/empty.yaml"
head -c 3000 /dev/urandom > "$T/binary.yaml"
refused 1 "binary.yaml(:[0-9]+:[0-9]+)?: " "$T/binary.yaml"
yes '[' | head -n 5000 | tr -d '\n' > "$T/deep.yaml"
refused 1 "deep.yaml:1:[0-9]+: " "$T/deep.yaml"
suite option << 'Y'
models:
  - backend: mock
    variants:
      - name: a
        nois: 3
Y
refused 2 "option.yaml:5:9: backend 'mock' has no option 'nois'.*did you mean 'noise'" "$T/option.yaml"
suite reference << 'Y'
models: [{backend: mock, variants: [fp32, int4]}]
reference: fp23
Y
refused 2 "reference.yaml:2:12: 'fp23' is not one of the variants.*did you mean 'fp32'" "$T/reference.yaml"
refused 1 "no-such-suite.yaml" "$T/no-such-suite.yaml"
refused 1 "$T" "$T"
refused 2 "--limit: expected a number of at least 0, got '-3'" --model x --limit -3
refused 2 "no model; give --model" --tasks smoke_choice
refused 2 "unknown backend 'mokc'; did you mean 'mock'" --backend mokc --tasks smoke_choice
mock 2 "--option nois: .*did you mean 'noise'" --option nois=1 --tasks smoke_choice
refused 2 "--scenario: expected prefill:TOKENS" --backend mock --scenario prefil:4

# -- tasks -------------------------------------------------------------------------------------------
mock 2 "'smoke_choise'.*did you mean 'smoke_choice'" --tasks smoke_choise
mock 1 "absent.yaml" --tasks "$T/absent.yaml"
printf '{"q": "one?"}\n{"q": "two?"}\n' > "$T/good.jsonl"
# FILE TEMPLATE [LINE]: a task over these rows, the template on line 8.
rows() {
    cat > "$T/rows.yaml" << Y
task: rows
dataset_path: json
dataset_kwargs:
  data_files:
    test: $1
test_split: test
output_type: multiple_choice
doc_to_text: "$2"
doc_to_target: 0
doc_to_choice: ["yes", "no"]
${3:-}
Y
}
bad_rows() {                      # CODE PATTERN FILE TEMPLATE [LINE]
    rows "$3" "$4" "${5:-}"
    mock "$1" "$2" --tasks "$T/rows.yaml"
}
bad_rows 1 "rows.yaml:11:1: unknown key 'doc_to_txt'.*did you mean 'doc_to_text'" good.jsonl "{{q}}" \
    'doc_to_txt: "{{q}}"'
bad_rows 1 "rows.yaml:11:[0-9]+: .*'acc_nrm'.*did you mean 'acc_norm'" good.jsonl "{{q}}" \
    'metric_list: [{metric: acc_nrm}]'
bad_rows 1 "rows.yaml:1[12]:[0-9]+: " good.jsonl "{{q}}" 'filter_list: [{name: a, filter: ['
bad_rows 1 "rows.yaml:8:[0-9]+: " good.jsonl "{{ q + }}"
bad_rows 1 "rows.yaml:8:[0-9]+: " good.jsonl "{% if q %}"
bad_rows 1 "rows.yaml:8:[0-9]+: .*'nofilter'" good.jsonl "{{ q|nofilter }}"
bad_rows 1 "rows.yaml:8:[0-9]+: .*'question'" good.jsonl "{{ question }}"
bad_rows 1 "rows.yaml:8:[0-9]+: .*row 0" good.jsonl "{{ q + 1 }}"
bad_rows 1 "rows.yaml:11:[0-9]+: regular expression .*offset 1" good.jsonl "{{q}}" \
    "filter_list: [{name: a, filter: [{function: regex, regex_pattern: '(['}, {function: take_first}]}]"
bad_rows 1 "absent.jsonl" absent.jsonl "{{q}}"

# -- rows --------------------------------------------------------------------------------------------
printf '{"q": "one?"}\n{"q": "two?"\n{"q": "three"}\n' > "$T/bad.jsonl"
bad_rows 1 "bad.jsonl:2:[0-9]+: " bad.jsonl "{{q}}"
{ seq 1 4999 | sed 's/.*/{"q": "&"}/'; printf '{"q": }\n'; } > "$T/late.jsonl"
bad_rows 1 "late.jsonl:5000:7: " late.jsonl "{{q}}"
printf '{"q": "one?"}\n[1]\n' > "$T/array.jsonl"
bad_rows 1 "array.jsonl:2:1: " array.jsonl "{{q}}"
printf '{"q": "one?"}\n{"q": "caf\xe9"}\n' > "$T/latin1.jsonl"
bad_rows 1 "latin1.jsonl:2:[0-9]+: .*UTF-8" latin1.jsonl "{{q}}"
printf '\xff\xfe{\x00"\x00q\x00' > "$T/utf16.jsonl"
bad_rows 1 "utf16.jsonl:1:1: .*UTF-(16|8)" utf16.jsonl "{{q}}"
printf '{"q": "cut' > "$T/cut.jsonl"
bad_rows 1 "cut.jsonl:1:[0-9]+: " cut.jsonl "{{q}}"
: > "$T/none.jsonl"
bad_rows 1 "none.jsonl' has no rows" none.jsonl "{{q}}"
printf 'q,r\n"one,2\n' > "$T/quote.csv"
sed -i 's/^dataset_path: json/dataset_path: csv/' "$T/rows.yaml" && sed -i 's/none.jsonl/quote.csv/' "$T/rows.yaml"
mock 1 "quote.csv:2:" --tasks "$T/rows.yaml"

# -- models ------------------------------------------------------------------------------------------
models
gguf() {                          # NAME PATTERN: refused with this file's name in front
    native 1 "$1.gguf: $2" --model "$T/models/$1.gguf"
}
gguf cut-magic "offset 0: not a GGUF file"
gguf cut-header "offset [0-9]+: "
gguf cut-keys "offset [0-9]+: .*'tokenizer.ggml.tokens'.* bytes are left"
gguf cut-infos "offset [0-9]+: "
gguf cut-data "offset [0-9]+: tensor .*truncated"
gguf tensor-count "offset 8: the number of tensors is 18446744073709551615"
gguf key-count "offset 16: the number of metadata keys"
gguf string-length "offset 24: .* 18446744073709551611 bytes long"
gguf array-count "offset [0-9]+: .*'tokenizer.ggml.tokens' says it has 2305843009213693952 strings"
gguf dimension "offset [0-9]+: tensor 'blk.0.attn_q.weight' has the impossible shape"
gguf tensor-offset "offset [0-9]+: tensor 'blk.0.attn_q.weight' starts at"
gguf tensor-type "offset [0-9]+: tensor 'blk.0.attn_q.weight' has type .*; supported are f32"
gguf architecture "the architecture is 'gpt2'; supported is 'llama'"
gguf architecture-hostile "the architecture is '.?\[31mllama.?'"
gguf vocabulary ".*'t5'"
: > "$T/models/empty.gguf"
gguf empty "offset 0: |.*empty"
native 1 "no-such.gguf" --model "$T/no-such.gguf"
native 1 "$T/models'?: |$T/models" --model "$T/models"
mkfifo "$T/models/pipe.gguf"
native 1 "pipe.gguf" --model "$T/models/pipe.gguf"

# -- precisions --------------------------------------------------------------------------------------
tiny() { native "$@" --model "$T/models/tiny.gguf"; }
tiny 2 "--precision: expected one of fp32, .*, got 'int7' \(did you mean 'int[0-9]+'\?\)" --precision int7
tiny 2 "--option kv: expected one of f32, f16, int8.*, got 'f8'" --precision int8 --option kv=f8
tiny 2 "groups of 48 do not divide the rows of 64 weights" --precision int4 --option group=48
tiny 2 "--option group: expected a whole number from 0" --precision int4 --option group=-4
tiny 2 "precision 'fp16' has no groups" --precision fp16 --option group=32
tiny 2 "keep pattern 'blk.9.\*' matches no matrix" --precision int4 --option 'keep=fp16:blk.9.*'
tiny 2 "unknown precision in keep 'fp61'.*did you mean 'fp16'" --precision int4 --option 'keep=fp61:output'
tiny 2 "keep 'fp16' names no tensors" --precision int4 --option keep=fp16
tiny 2 "--option ctx: expected a whole number" --option ctx=many
suite keep << Y
models:
  - model: $T/models/tiny.gguf
    variants:
      - {name: hybrid, precision: int4, keep: {fp16: [outptu]}}
scenarios: ["prefill:4"]
Y
refused 2 "keep.yaml:4:[0-9]+: .*keep pattern 'outptu' matches no matrix.*did you mean 'output'" "$T/keep.yaml"
suite kv << Y
models:
  - model: $T/models/tiny.gguf
    variants: [fp32, int7]
Y
refused 2 "kv.yaml:3:22: 'precision': expected one of .*got 'int7'" "$T/kv.yaml"

# -- databases ---------------------------------------------------------------------------------------
# CODE PATTERN DB ARG...: refused, and the file is what it was.
db() {
    local code=$1 pattern=$2 file=$3 before
    shift 3
    before=$(cksum < "$file")
    expect "$code" "^assay: .*($pattern)" "$@" --db "$file"
    equal "$(wc -l < "$T/.out")" 1 "lines said with $file"
    equal "$(cksum < "$file")" "$before" "the bytes of $file"
}
run=("$ASSAY" run --backend mock --tasks smoke_choice --scenario none --precision fp32,int4 --quiet)
expect 0 "2 of 2 variants" "${run[@]}" --db "$T/good.db"
printf 'Dear diary, this is no database at all, though it is longer than a hundred bytes, which is what SQLite reads first.\n' > "$T/text.db"
sqlite3 "$T/other.db" 'CREATE TABLE t(a); INSERT INTO t VALUES (1)'
cp "$T/good.db" "$T/newer.db" && sqlite3 "$T/newer.db" 'PRAGMA user_version = 1000; PRAGMA journal_mode = DELETE' > "$T/.out"
cp "$T/good.db" "$T/cut.db" && truncate -s 40000 "$T/cut.db"
for command in "${run[*]}" "$ASSAY compare" "$ASSAY report --html $T/r.html" "$ASSAY results" "$ASSAY grade" "$ASSAY db check" "$ASSAY show"; do
    # shellcheck disable=SC2086  # several words
    db 1 "text.db' is not a database" "$T/text.db" $command
    # shellcheck disable=SC2086
    db 1 "other.db' is a database of another program" "$T/other.db" $command
    # shellcheck disable=SC2086
    db 1 "newer.db' is of a newer version .schema 1000" "$T/newer.db" $command
done
db 1 "newer version" "$T/newer.db" "$ASSAY" db migrate
expect 1 "cut.db' is damaged" "$ASSAY" db check --db "$T/cut.db"
for command in compare "report --html $T/r.html" results grade "db check" "show"; do
    # shellcheck disable=SC2086
    expect 1 "^assay: database '$T/absent.db' does not exist" "$ASSAY" $command --db "$T/absent.db"
    [ -e "$T/absent.db" ] && fail "$command made a database"
done
expect 1 "^assay: .*no-folder/x.db" "${run[@]}" --db "$T/no-folder/x.db"
expect 1 "^assay: .*is not a database: it is no regular file|^assay: .*$T" "${run[@]}" --db "$T"

# Read-only: root writes through permissions, so another user tries where it can.
other=()
[ "$(id -u)" != 0 ] || other=(setpriv --reuid 65534 --regid 65534 --clear-groups)
chmod 755 "$T"
mkdir "$T/ro" && cp "$T/good.db" "$T/ro/x.db" && chmod 444 "$T/ro/x.db" && chmod 555 "$T/ro"
if "${other[@]}" test -r "$T/ro/x.db" 2> /dev/null && ! "${other[@]}" test -w "$T/ro" 2> /dev/null &&
    "${other[@]}" test -x "$ASSAY"; then
    expect 1 "^assay: database '$T/ro/x.db' is read-only" "${other[@]}" "${run[@]}" --db "$T/ro/x.db"
    expect 1 "^assay: database '$T/ro/x.db' is read-only" "${other[@]}" "$ASSAY" grade --db "$T/ro/x.db"
    expect 1 "^assay: .*'$T/ro/y.db'" "${other[@]}" "${run[@]}" --db "$T/ro/y.db"
    expect 0 "int4" "${other[@]}" "$ASSAY" compare --db "$T/ro/x.db"
    expect 1 "^assay: .*$T/ro/r.html" "${other[@]}" "$ASSAY" report --db "$T/ro/x.db" --html "$T/ro/r.html"
    equal "$(ls "$T/ro")" x.db "files in the read-only folder"
else
    echo "read-only folders: no other user to try with"
fi

# Disk full: a limit on the size of files stands for it, and a small file system where there can be one.
full() {                          # CODE DB COMMAND...
    local code=$1 file=$2
    shift 2
    expect "$code" ".*(disk full|disk I/O|File too large|No space left)" "$@" --db "$file"
    [ ! -e "$file" ] || expect 0 "" "$ASSAY" db check --db "$file"
}
all=("$ASSAY" run --backend mock --tasks smoke --scenario none --precision fp32,int4 --quiet --bootstrap 10)
full 1 "$T/tiny.db" bash -c 'ulimit -f 16; exec "$@"' - "${all[@]}"
cp "$T/good.db" "$T/grown.db"
full 1 "$T/grown.db" bash -c 'ulimit -f 16; exec "$@"' - "${all[@]}"
mkdir "$T/small"
if [ "$(id -u)" = 0 ] && mount -t tmpfs -o size=360k none "$T/small" 2> /dev/null; then
    full 3 "$T/small/x.db" "${all[@]}"
    umount "$T/small"
else
    echo "a full file system: none can be mounted here"
fi

# Two runs on one database: the second goes away, the first is not disturbed.
"${run[@]}" --option slow-ns=100000000 --db "$T/two.db" > "$T/first" 2>&1 < /dev/null &
first=$!
for _ in $(seq 100); do [ -s "$T/two.db" ] && break; sleep 0.05; done
expect 75 "^assay: database '$T/two.db' is in use by another assay process" "${run[@]}" --db "$T/two.db"
expect 75 "^assay: database '$T/two.db' is in use" "$ASSAY" grade --db "$T/two.db"
wait $first || fail "the first of two runs: exit code $?"
expect 0 "" "$ASSAY" db check --db "$T/two.db"
equal "$(sql "$T/two.db" "SELECT status FROM run")" "done" "runs in the database"
done_testing
