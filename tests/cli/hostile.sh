#!/bin/bash
# hostile.sh - a task folder that means harm: every attack ends in a refusal, soon, with nothing run
# that was not allowed and nothing written.
. tests/cli/lib.sh

attack=$T/attack
mkdir -p "$attack" "$T/outside"
for i in 1 2 3; do printf '{"q": "what is %d", "n": %d}\n' "$i" "$i"; done > "$attack/rows.jsonl"
task() {                          # NAME LINE...: a task of these lines over the three rows
    local name=$1
    shift
    {
        printf 'task: %s\ndataset_path: json\ndataset_kwargs: {data_files: {test: rows.jsonl}}\n' "$name"
        printf 'test_split: test\noutput_type: multiple_choice\ndoc_to_choice: [a, b]\ndoc_to_target: 0\n'
        printf '%s\n' "$@"
    } > "$attack/$name.yaml"
}
run() {                           # NAME [OPTION...]
    local name=$1
    shift
    timeout -s KILL 60 "$ASSAY" run --backend mock --model demo --precision fp32 --scenario none \
        --tasks "$attack/$name.yaml" --db "$T/$name.db" "$@"
}
# The refusal is one line, says what it says, and leaves no database behind.
refused() {                       # NAME PATTERN [OPTION...]
    local name=$1 pattern=$2
    shift 2
    expect 1 "$pattern" run "$name" "$@"
    equal "$(grep -c . "$T/.out")" 1 "lines of the refusal of $name"
    [ ! -e "$T/$name.db" ] || fail "$name left a database"
}

# -- without a word about code -------------------------------------------------------------------------
task loops 'doc_to_text: "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}"'
refused loops "loops.yaml:8:[0-9]+: .*row 0"
task grows 'doc_to_text: "{% set x = namespace(s=q) %}{% for a in range(99) %}{% set x.s = x.s ~ x.s %}{% endfor %}{{ x.s }}"'
refused grows "grows.yaml:8:[0-9]+: "
task recurses 'doc_to_text: "{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}"'
refused recurses "recurses.yaml:8:[0-9]+: "
task regex 'doc_to_text: "{{ (\"a\" * 60 ~ \"b\") | regex_replace(\"(a|a)+$\", \"x\") }}"'
refused regex "regex.yaml:8:[0-9]+: .*regular expression"
task includes 'include: big_yaml' 'doc_to_text: q'
truncate -s 3G "$attack/big_yaml"
refused includes "big_yaml"
task cycle 'include: cycle_yaml' 'doc_to_text: q'
echo 'include: cycle.yaml' > "$attack/cycle_yaml"
refused cycle "include"
rm "$attack/big_yaml" "$attack/cycle.yaml"

# Includes that lead out of the folder: by a link, through a linked folder, by an absolute path.
printf 'doc_to_text: q\nsecret: not for a run\n' > "$T/outside/base_yaml"
ln -s "$T/outside/base_yaml" "$attack/link_yaml"
ln -s "$T/outside" "$attack/there"
task linked 'include: link_yaml'
refused linked "linked.yaml:8:10: 'include' names 'link_yaml', a link that leads out of its folder, to '$T/outside/base_yaml'"
task through 'include: there/base_yaml'
refused through "through.yaml:8:10: 'include' names 'there/base_yaml', a link that leads out of its folder"
mkdir "$attack/sub"
task climbs 'include: sub/../there/../outside/base_yaml'
refused climbs "climbs.yaml:8:10: 'include' names .* a link that leads out of its folder|does not exist"
task absolute "include: $T/outside/base_yaml"
refused absolute "absolute.yaml:8:10: 'include' names '$T/outside/base_yaml', outside this file's folder"
"$ASSAY" validate "$attack" > "$T/table" 2>&1
grep -qE "[0-9]+ files can't be read, first: .*'include' names" "$T/table" || fail "validate: $(cat "$T/table")"
grep -q "not for a run" "$T/table" && fail "validate shows what lies outside"
rm "$T/outside/base_yaml" "$attack/there" "$attack/link_yaml"

# YAML that says much with little: aliases of aliases, and a depth without end.
{
    echo 'a0: &a0 [x, x, x, x, x, x, x, x, x, x]'
    for i in $(seq 40); do echo "a$i: &a$i [*a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1)), *a$((i - 1))]"; done
} > "$T/aliases"
task aliases 'doc_to_text: "{{ q }}"' "$(cat "$T/aliases")" 'metadata: {all: *a40}'
refused aliases "aliases.yaml:[0-9]+:[0-9]+: "
task depth "metadata: $(head -c 200000 /dev/zero | tr '\0' '[')"
refused depth "depth.yaml:[0-9]+:[0-9]+: "

# Rows that unpack to more than they should, that stop in the middle, or are something else.
rows() {                          # NAME FILE PATTERN: a task over FILE
    task "$1" 'doc_to_text: "{{ q }}"'
    sed -i "s/rows.jsonl/$2/" "$attack/$1.yaml"
    refused "$1" "$3"
}
head -c 400000000 /dev/zero | tr '\0' ' ' | gzip -9 > "$attack/bomb.jsonl.gz"
rows bomb bomb.jsonl.gz "bomb.jsonl.gz.*refused as a decompression bomb"
for i in $(seq 2000); do echo "{\"q\": \"$i $RANDOM\"}"; done | gzip > "$attack/whole.gz"
head -c $(($(stat -c %s "$attack/whole.gz") / 2)) "$attack/whole.gz" > "$attack/cut.jsonl.gz"
rows cut cut.jsonl.gz "cut.jsonl.gz"
printf 'not packed at all\n' > "$attack/odd.jsonl.zst"
rows odd odd.jsonl.zst "odd.jsonl.zst"
if command -v zstd > /dev/null; then
    head -c 2000000000 /dev/zero | tr '\0' ' ' | zstd -q -19 --long=27 > "$attack/bomb.jsonl.zst"
    rows zbomb bomb.jsonl.zst "bomb.jsonl.zst.*(bomb|window|memory)"
    for i in $(seq 2000); do echo "{\"q\": \"$i $RANDOM\"}"; done | zstd -q > "$attack/whole.zst"
    head -c $(($(stat -c %s "$attack/whole.zst") / 2)) "$attack/whole.zst" > "$attack/zcut.jsonl.zst"
    rows zcut zcut.jsonl.zst "zcut.jsonl.zst"
fi
rm -f "$attack"/*.gz "$attack"/*.zst "$attack"/{aliases,depth}.yaml

# A module that acts as soon as it is imported; another that is not even in the folder.
cat > "$attack/evil.py" <<END
import os
try:
    open("$T/outside/written", "w").write("x")
except OSError as e:
    failed = e
def text(doc):
    return doc["q"]
END
task import 'doc_to_text: !function evil.text'
refused import "import.yaml:8:14: 'doc_to_text' can't be used: !function evil.text: .*--allow-task-code would load it, which runs code of that folder"
"$ASSAY" validate "$attack" > "$T/table" 2>&1
grep -q "^python function  import" "$T/table" || fail "validate: $(cat "$T/table")"
[ ! -e "$T/outside/written" ] || fail "code ran without permission"
if "$ASSAY" validate "$attack" --allow-task-code 2>&1 | grep -q "no 'python3'"; then
    echo "skipped: no python3, the rest"
    [ "$failures" = 0 ] && exit 77
fi

# -- with permission -----------------------------------------------------------------------------------
code() { set -- "$@" --allow-task-code --task-code-timeout 5 --task-code-memory 300M; run "$@"; }
refused_code() { refused "$1" "$2" --allow-task-code --task-code-timeout 5 --task-code-memory 300M; }

printf 'def text(doc):\n    return doc["q"]\n' > "$T/outside/far.py"
ln -s "$T/outside/far.py" "$attack/far.py"
task far 'doc_to_text: !function far.text'
refused_code far "its module is a link that leads out of the task's folder"

# Writing is kept from it where the kernel can (Landlock); the rest of the module works.
expect 0 "fp32: done" code import
if grep -q "writing files" "$T/.out"; then echo "note: this kernel has no Landlock"
else [ ! -e "$T/outside/written" ] || fail "code wrote a file"; fi

cat > "$attack/bad.py" <<'END'
import os, sys
def forever(doc):
    while True:
        pass
def eats(doc):
    return "x" * (100 << 30)
def eats_slowly(doc):
    all = []
    while True:
        all.append(bytearray(1 << 20))
def forks(doc):
    return str(os.fork())
def starts(doc):
    import subprocess
    return subprocess.check_output(["id"]).decode()
def connects(doc):
    import socket
    return str(socket.create_connection(("127.0.0.1", 9), timeout=1))
def kills(doc):
    os.kill(os.getppid(), 9)
def closes(doc):
    os.close(3)
    return "x"
def garbage(doc):
    os.write(3, b"garbage that is no answer at all")
    return "x"
def lies(doc):
    import struct
    os.write(3, struct.pack("<IIQ", 0x31544341, 77, 1 << 50))
    return "x"
def huge(doc):
    return "x" * (70 << 20)
def deep(doc):
    x = []
    for i in range(5000):
        x = [x]
    return x
def leaves(doc):
    sys.exit(0)
def vanishes(doc):
    os._exit(3)
def crashes(doc):
    import ctypes
    ctypes.string_at(1)
def wrong(doc):
    return doc["no such column"]
def recurses(doc):
    return recurses(doc)
def odd(doc):
    return object()
def loud(doc):
    print("x" * 1000000)
    sys.stderr.write("y" * 1000000)
    return doc["q"]
def poisons(doc):
    import builtins
    builtins.len = None
    sys.modules["json"] = None
    return doc["q"]
END
bad() {                           # FUNCTION PATTERN
    task "$1" "doc_to_text: !function bad.$1"
    refused_code "$1" "$2"
}
bad forever "no answer within 5 seconds"
bad eats "MemoryError"
bad eats_slowly "MemoryError|no answer within 5 seconds" # a slow machine takes its time to give memory
bad forks "bad.py:[0-9]+: PermissionError"
bad starts "PermissionError"
bad connects "PermissionError"
bad kills "bad.py:[0-9]+: PermissionError"
bad closes "the Python process ended"
bad garbage "something else than an answer came from the pipe"
bad lies "something else than an answer came from the pipe|answer to another question"
bad huge "larger than 64 MiB|MemoryError|no answer within 5 seconds"
bad deep "nested too deeply"
bad leaves "SystemExit"
bad vanishes "the Python process ended \(exit code 3\)"
bad crashes "the Python process ended \(killed by signal 11\)"
bad wrong "wrong.yaml:8:14: 'doc_to_text' \(!function bad.wrong\): .*bad.py:[0-9]+: KeyError: 'no such column'"
bad recurses "RecursionError"
bad odd "TypeError: .* is object"
task loud 'doc_to_text: !function bad.loud'
expect 0 "fp32: done" code loud
equal "$(sql "$T/loud.db" "SELECT prompt FROM item ORDER BY idx LIMIT 1")" "what is 1" "a prompt"

# What only shows when answers are graded is found before a model is asked.
printf 'def results(doc, results):\n    import socket\n    socket.socket()\n    return {"acc": 1}\n' > "$attack/late.py"
task late 'doc_to_text: q' 'process_results: !function late.results' 'metric_list: [{metric: acc}]'
refused_code late "late.py:3: PermissionError"
printf 'import no_such_module_at_all\ndef f(doc): pass\n' > "$attack/needs.py"
task needs 'doc_to_text: !function needs.f'
refused_code needs "needs python module 'no_such_module_at_all'"
printf 'while True:\n    pass\n' > "$attack/hangs.py"
task hangs 'doc_to_text: !function hangs.f'
refused_code hangs "no answer within 5 seconds"
"$ASSAY" validate "$attack" --allow-task-code --task-code-timeout 3 --format csv > "$T/csv" 2> /dev/null
equal "$(grep -c ",python module," "$T/csv")" 1 "tasks that need a module"
grep -q "^wrong,python," "$T/csv" || fail "validate calls functions: $(grep ^wrong "$T/csv")"
left=$(pgrep -f "$attack" | wc -l)
equal "$left" 0 "processes left"
equal "$(ls "$T/outside")" far.py "files written"
done_testing
