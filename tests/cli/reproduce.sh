#!/bin/bash
# reproduce.sh - the command that a report says reproduces a run, pasted into a shell: a database of its
# own with the very same scores, everything asked again; and the page says what it was made of.
. tests/cli/lib.sh
command -v sqlite3 >/dev/null || { echo 'skipped: no sqlite3 here'; exit 77; }
command -v python3 >/dev/null || { echo 'skipped: no python3 here'; exit 77; }

mkdir "$T/bin" "$T/a folder"
ln -s "$ASSAY" "$T/bin/assay"
export PATH=$T/bin:$PATH
cd "$T/a folder" || exit 1

# text of the nth element that matches: $1 page, $2 opening tag's attributes
inside() {
    python3 - "$1" "$2" <<'END'
import html, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
for found in re.findall(r'<pre class="%s"><code>(.*?)</code>' % re.escape(sys.argv[2]), page, re.S):
    print(html.unescape(found))
END
}
scores() {
    sql "$1" "SELECT v.name || ' ' || j.name || ' ' || s.idx || ' ' || s.value FROM score s JOIN job j ON j.id = s.job_id
        JOIN run_variant v ON v.id = j.run_variant_id ORDER BY 1"
}

for made in "a b.db" "it's \$HOME.db" assay.db; do
    rm -f ./*.db ./*.html
    case $made in a\ *) set -- --db "$made" ;; it*) set -- "--db=$made" ;; *) set -- ;; esac
    expect 0 "" assay run --model ref --precision 'stored,int4' --tasks 'mini_sch*' "$@" --limit 12 --seed 7,1,2,3 \
        --fewshot 2 --scenario none
    expect 0 "" assay report --db "$made" --html one.html
    inside one.html 'command reproduce' > again.sh
    equal "$(wc -l < again.sh)" 1 "commands to reproduce it"
    expect 0 "$(sql "$made" 'SELECT sum(n_asked) FROM job') requests asked, 0 from the store" bash again.sh
    equal "$(scores reproduced.db)" "$(scores "$made")" "scores of the run that the page said"
    equal "$(scores reproduced.db | wc -l | tr -d ' ')" 72 "number of scores"
    equal "$(sql reproduced.db 'SELECT plan_uid FROM run')" "$(sql "$made" 'SELECT plan_uid FROM run')" "the plan"
done

# what it was made of: the model's content by its hash, though it was named; the seeds; the manifest
grep -o '<dl class="facts">.*' one.html > facts
want=$(sha256sum "$(dirname "$(readlink -f "$ASSAY")")/../../backends/native/models/ref.gguf" | cut -d' ' -f1)
expect 0 "<dt>sha256</dt><dd><code>$want<" cat facts
expect 0 "<dt>seeds</dt><dd><code>2, few-shot 3<" cat facts
expect 0 "<dt>limit</dt><dd><code>12" cat facts
inside one.html 'command' > manifest.json
expect 0 '^True 2 12.0$' python3 -c 'import json; m = json.load(open("manifest.json")); print(m["tasks"] == ["mini_sch*"], len(m["variants"]), m["limit"])'
done_testing
