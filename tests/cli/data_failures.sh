#!/bin/bash
# data_failures.sh - a hub that fails, lies or attacks, and fetches that are killed.
. tests/cli/lib.sh
. tests/cli/hub_lib.sh
hub_start
fresh() { rm -rf "$T/cache"; fault "$@"; log_clear; }

repo own/big $sha1
python3 -c 'print("\n".join("{\"i\": %d, \"t\": \"%s\"}" % (i, "word " * 20) for i in range(20000)))' > "$(files own/big)/train.jsonl"
size=$(stat -c %s "$(files own/big)/train.jsonl")
want=$(jq -c . "$(files own/big)/train.jsonl" | sha256sum)
whole() { equal "$(sha256sum < "$(path_of own/big)")" "$want" "rows after $1"; }

# -- failures that pass ---------------------------------------------------------------------------
fresh '{"/resolve/": {"kind": "status", "status": 429, "retry_after": 2, "times": 1}}'
start=$(date +%s)
expect 0 "429.*trying again in 2\.0 s" get own/big
[ $(($(date +%s) - start)) -ge 2 ] || fail "Retry-After was not waited for"
log_has 2 "train.jsonl range=-"
fresh '{"/api/": {"kind": "status", "status": 500, "times": 2}}'
expect 0 "20000 rows, fetched" get own/big
fresh '{"/resolve/": {"kind": "status", "status": 503, "error": "over \u001b[31m capacity"}}'
expect 1 'given up after 3 tries: the server answers 503: "over \\x1b\[31m capacity"' get own/big
fresh '{"/resolve/": {"kind": "status", "status": 429, "retry_after": 99999}}'
expect 1 "the server asks to wait 99999 s: try again later" get own/big
log_has 1 train.jsonl

# A cut connection goes on where it broke; a file that changed meanwhile begins anew.
fresh '{"train.jsonl": {"kind": "cut", "bytes": 1000000, "times": 1}}'
expect 0 "20000 rows, fetched" get own/big
log_has 1 "range=bytes=1000000-"
whole "a cut connection"
fresh '{"train.jsonl": {"kind": "cut", "bytes": 100000}}'
expect 1 "given up after 3 tries" get own/big
[ -n "$(find "$T/cache" -name '*.json*' ! -path '*/partial/*')" ] && fail "a failed fetch left something that counts"
fault
log_clear
expect 0 "20000 rows, fetched" get own/big
log_has 1 "range=bytes=300000-"
whole "giving up and asking again"
[ -n "$(find "$T/cache" -name '*.part')" ] && fail "a stage was left"
# A weak ETag promises no bytes: from the start.  A range that nobody asked for is refused.
fresh '{"train.jsonl": {"kind": "cut", "bytes": 1000000, "weak": true, "times": 1}}'
expect 0 "20000 rows, fetched" get own/big
log_has 2 "train.jsonl range=-"
fresh '{"train.jsonl": {"kind": "cut", "bytes": 1000000, "shift": 7, "times": 2}}'
expect 1 "the server answers with another range than was asked for" get own/big
# What changed since is answered whole: the part is written anew, not gone on with.
cp "$(files own/big)/train.jsonl" "$T/before"
fresh '{"train.jsonl": {"kind": "cut", "bytes": 1000000}}'
expect 1 "given up after 1 tries" get own/big --retries 0
sed -i 's/word/what/' "$(files own/big)/train.jsonl"
fault
log_clear
expect 0 "20000 rows, fetched" get own/big
log_has 1 "train.jsonl range=bytes=1000000-"
log_has 1 "train.jsonl"
equal "$(jq -rs 'map(.t | split(" ")[0]) | unique | join(" ")' "$(path_of own/big)")" what "rows after a change"
mv "$T/before" "$(files own/big)/train.jsonl"

# -- a server that lies ----------------------------------------------------------------------------
fresh '{"train.jsonl": {"kind": "damage"}}'
expect 1 "is damaged: sha256 [0-9a-f]{12}, the hub names [0-9a-f]{12}" get own/big
fresh '{"train.jsonl": {"kind": "damage", "times": 1}}'
expect 0 "20000 rows, fetched" get own/big
fresh '{"train.jsonl": {"kind": "short"}}'
expect 1 "has [0-9]+ bytes, the hub names $size" get own/big
fresh '{"train.jsonl": {"kind": "long"}}'
expect 1 "the body is longer than the $size bytes it may have" get own/big
fresh '{"train.jsonl": {"kind": "endless"}}'
expect 1 "the body is longer than the $size bytes it may have" get own/big
fresh '{"/api/": {"kind": "endless"}}'
expect 1 "the body is longer than" get own/big
fresh '{"/plain/": {"kind": "endless"}}'
printf 'task: t\ndataset_path: json\ndataset_kwargs: {data_files: {test: "http://127.0.0.1:%s/plain/x.jsonl"}}\ntest_split: test\noutput_type: loglikelihood_rolling\ndoc_to_text: ""\ndoc_to_target: "{{a}}"\n' "$P1" > "$T/t.yaml"
expect 1 "the body is longer than the 1048576 bytes it may have" get --tasks "$T/t.yaml" --max-size 1M
fresh
expect 1 "has 2 MiB, more than --max-size allows" get own/big --max-size 1M
fresh '{"/resolve/": {"kind": "location", "to": "file:///etc/passwd"}}'
expect 1 "neither http nor https" get own/big
fresh '{"/resolve/": {"kind": "location", "to": "/datasets/own/big/resolve/x/y"}}'
log_clear
expect 1 "more than 5 redirects" get own/big
log_has 6 "/resolve/"
fresh '{"/api/": {"kind": "status", "status": 200, "error": "no list"}}'
expect 1 "does not say at which commit" get own/big
repo own/git $sha1
echo '{"a": 1}' > "$(files own/git)/train.jsonl"
fresh '{"train.jsonl": {"kind": "damage"}}'
expect 1 "is damaged: git blob" get own/git
repo own/bomb $sha1
head -c 300000000 /dev/zero | tr '\0' ' ' | gzip -9 > "$(files own/bomb)/train.jsonl.gz"
fresh
expect 1 "refused as a decompression bomb" get own/bomb
[ -n "$(find "$T/cache" -size +1000k)" ] && fail "what a bomb unpacked to was left"
repo own/bad $sha1
printf '{"a": 1}\n{"a": \n' > "$(files own/bad)/train.jsonl"
expect 1 "train.jsonl:2:" get own/bad
repo own/empty $sha1
: > "$(files own/empty)/train.jsonl"
expect 1 "has no rows" get own/empty

# -- who may see the token -------------------------------------------------------------------------
fresh '{"/resolve/": {"kind": "redirect"}}'
export HF_TOKEN=hf_secret
expect 0 "20000 rows, fetched" get own/big
log_has 0 "^$P2 .*secret"
log_has 1 "^$P2 .*token=-"
grep -q "^$P1 .*/resolve/.*Bearer hf_secret" "$H/log" || fail "the hub did not get the token"
grep -rq hf_secret "$T/cache" "$T/.out" && fail "the token was written somewhere"
# An address that only begins like the hub's; an own host for rows, which is told.
mkdir -p "$H/plain" && cp "$(files own/big)/train.jsonl" "$H/plain/x.jsonl"
fresh "{\"/resolve/\": {\"kind\": \"location\", \"to\": \"http://127.0.0.1:$P1@127.0.0.1:$P2/plain/x.jsonl\"}}"
expect 0 "20000 rows, fetched" get own/big
log_has 1 "^$P2 /plain/x.jsonl"
log_has 0 "^$P2 .*secret"
repo own/viewed $sha1
mkdir -p "$(rows own/viewed)/default"
echo PAR1 > "$(files own/viewed)/train.parquet"
echo '{"features": [["i", {"_type": "Value"}]], "rows": [{"i": 1}]}' > "$(rows own/viewed)/default/train.json"
fresh
ASSAY_ROWS_ENDPOINT=http://127.0.0.1:$P2 expect 0 "1 rows, fetched" get own/viewed
log_has 0 "^$P2 .*token=-"
log_has 1 "^$P2 /rows.*length=100.*Bearer hf_secret"
fresh '{"/api/": {"kind": "status", "status": 403}}'
expect 1 "the token in HF_TOKEN has no access" get own/big
unset HF_TOKEN
fresh '{"/api/": {"kind": "status", "status": 401, "error": "gated"}}'
expect 1 'answers 401: "gated"; it does not exist, is private, or is gated.*set HF_TOKEN' get own/big
mkdir "$T/hf" && echo ' hf_file ' > "$T/hf/token"
fresh
HF_HOME=$T/hf expect 0 "fetched" get own/big
log_has 0 "token=-"
log_has 0 "token=Bearer hf_fil[^e]"

# -- killed ----------------------------------------------------------------------------------------
kill_when() {                     # CONDITION...: starts a fetch, kills it when the condition holds
    "$ASSAY" data get "$dataset" --connections 2 > "$T/killed" 2>&1 &
    local pid=$!
    for _ in $(seq 600); do
        "$@" && break
        sleep 0.05
    done
    kill -9 $pid 2> /dev/null || fail "the fetch of $dataset ended before it was killed"
    wait $pid 2> /dev/null
}
part_has() { [ "$(stat -c %s "$T"/cache/datasets/*/own--big/*/partial/*/train/*.part 2> /dev/null || echo 0)" -ge 300000 ]; }
dataset=own/big
fresh '{"train.jsonl": {"kind": "drip", "bytes": 100000, "seconds": 0.2}}'
kill_when part_has
expect 1 "not in the cache" get own/big --offline
fault
log_clear
expect 0 "20000 rows, fetched" get own/big
log_has 1 "range=bytes=[3-9][0-9]*-"
whole "kill -9"

repo own/rows $sha1
mkdir -p "$(rows own/rows)/default"
echo PAR1 > "$(files own/rows)/train.parquet"
python3 - "$(rows own/rows)/default/train.json" <<'PY'
import json, sys
json.dump({"features": [["i", {"_type": "Value"}]], "rows": [{"i": i} for i in range(1930)]}, open(sys.argv[1], "w"))
PY
pages() { find "$T/cache" -name 'page-*.jsonl' 2> /dev/null | wc -l; }
six_pages() { [ "$(pages)" -ge 6 ]; }
dataset=own/rows
fresh '{"/rows": {"kind": "slow", "seconds": 0.2}}'
kill_when six_pages
had=$(pages)
expect 1 "not in the cache" get own/rows --offline
fault
log_clear
expect 0 "1930 rows, fetched" get own/rows
log_has $((20 - had)) "/rows.*length=100"
equal "$(jq -s 'map(.i) == [range(1930)]' "$(path_of own/rows)")" true "rows after kill -9"

# What a fetch has left that broke off is counted; it goes when no branch stands at its commit any more.
fresh '{"train.jsonl": {"kind": "cut", "bytes": 1500000}}'
expect 1 "given up after 1 tries" get own/big --retries 0
expect 0 "^0 splits, 0\.00 MiB; 1\.43 MiB of fetches that broke off$" "$ASSAY" data list
expect 0 "^0 splits, 0\.0 MiB" "$ASSAY" data rm --old
echo $sha2 > "$H/own--big/sha"
fault
expect 0 "20000 rows, fetched" get own/big
expect 0 "^1 split, 2\.[0-9]* MiB; 1\.43 MiB of fetches that broke off; assay data rm --old frees 1\.43 MiB$" "$ASSAY" data list
expect 0 "^0 splits, 1\.4 MiB" "$ASSAY" data rm --old --dry-run
expect 0 "^0 splits, 1\.4 MiB" "$ASSAY" data rm --old
expect 0 "^1 split, 2\.[0-9]* MiB$" "$ASSAY" data list
[ -n "$(find "$T/cache" -name '*.part')" ] && fail "rm --old left a part"
echo $sha1 > "$H/own--big/sha"
fresh
expect 0 "1930 rows, fetched" get own/rows

# Between the rows and their manifest: the rows do not count.
rm "$(path_of own/rows | sed 's/l$//')"
expect 1 "not in the cache" get own/rows --offline
expect 0 "1930 rows, fetched" get own/rows
# Rows of another length than the manifest says do not count either.
truncate -s -3 "$(path_of own/rows)"
expect 1 "not in the cache" get own/rows --offline

# -- two at once -----------------------------------------------------------------------------------
fresh '{"train.jsonl": {"kind": "drip", "bytes": 400000, "seconds": 0.2}}'
get own/big > "$T/one" 2>&1 & one=$!
get own/big > "$T/two" 2>&1 & two=$!
wait $one || fail "the first of two fetches"
wait $two || fail "the second of two fetches"
log_has 1 train.jsonl
whole "two fetches at once"

# Some of many: the others are there, and the exit status says so.
fresh
expect 4 "1 of 2 datasets could not be fetched" get own/big own/none
done_testing
