"""driving.py ASSAY ROWS DIR - see driving.sh.  CPU seconds of whole processes, the difference of two lengths."""

import json
import os
import resource
import subprocess
import sys

import rows

TASKS = {
    "id_choice": ("made/choices", {"choices": "list4", "label": "i4", "question": "text"}),
    "id_solve": ("made/sums", {"question": "text", "answer": "gsm"}),
}
TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "identity", "tasks")
UPSTREAM = """
import logging, sys; logging.disable(logging.ERROR)
sys.path.insert(0, {here!r})
import json, glob, os, upstream
for path in glob.glob({rows!r} + "/*/*/*.jsonl"):
    key = "/".join(path.split(os.sep)[-3:-1]), None
    upstream.STORE.setdefault(key, {{}})[os.path.basename(path)[:-6]] = [json.loads(l) for l in open(path)]
tm = upstream.manager({tree!r}, False)
upstream.lm_eval.simple_evaluate(model="dummy", tasks=[{task!r}], task_manager=tm, num_fewshot=5, limit={limit},
                                 bootstrap_iters=0, log_samples=True)
"""


def cpu(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    assay, n, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    worst = None
    for task, (dataset, columns) in TASKS.items():
        folder = os.path.join(out, "rows", dataset)
        os.makedirs(folder, exist_ok=True)
        for split, k in (("test", n), ("train", 64), ("dev", 8)):
            with open(f"{folder}/{split}.jsonl", "w", encoding="utf-8") as f:
                for row in rows.make(columns, split, k):
                    f.write(json.dumps(row, ensure_ascii=False) + "\n")

        def theirs(limit):
            code = UPSTREAM.format(here=os.path.dirname(os.path.abspath(__file__)), rows=out + "/rows", tree=TREE,
                                   task=task, limit=limit)
            return cpu([sys.executable, "-c", code])

        def ours(limit, at):
            command = [assay, "run", "--backend", "mock", "--model", "m"]
            command += ["--option", "n-ctx=1000000", "--scenario", "none", "--quiet", "--bootstrap", "0", "--fewshot", "5"]
            command += ["--task-dir", TREE, "--data", out + "/rows", "--tasks", task, "--limit", str(limit)]
            return cpu(command + ["--db", f"{out}/{task}-{limit}-{at}.db"])

        a = (theirs(n) - theirs(1)) / (n - 1)
        b = min(ours(n, i) for i in range(3)) - min(ours(1, i) for i in range(3))
        b = max(b / (n - 1), 1e-9)
        print(f"{task}: lm-eval {a * 1e6:.1f} us a document, assay {b * 1e6:.1f} us: {a / b:.0f} times less")
        worst = min(worst or a / b, a / b)
    print(f"at least {worst:.0f} times less")


main()
