#!/usr/bin/env python3
"""identity.py - lm-evaluation-harness and assay over the same tasks, rows and answers: equal or not.

    identity.py upstream LIST DIR [--tree DIR]   runs upstream; writes DIR/rows, DIR/NAME/theirs for each batch
    identity.py assay    LIST DIR ASSAY --tree T runs assay over DIR/rows and exports to DIR/NAME/ours
    identity.py compare  LIST DIR                compares all keys of results and samples
    identity.py digest   LIST DIR SIDE           prints the golden lines of one side
    identity.py check    GOLDEN LIST DIR SIDE    compares one side with committed golden lines

LIST is a table: batch, tasks that are run in one go, then one line per task with its columns (rows.py); see
identity.tsv.  A batch is NAME and settings: fewshot=N seed=N bootstrap=N limit=N gen_kwargs=K=V,... code=1 (assay may
run the tasks' Python)
"""

import glob
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys

MODEL = {"answers": "hash", "model": "hash", "n-ctx": "1000000"}
# Of the process, not of the scores.
PRIVATE = {
    "date", "git_hash", "pretty_env_info", "transformers_version", "lm_eval_version", "upper_git_hash",
    "model_source", "model_name", "model_name_sanitized", "total_evaluation_time_seconds",
}
# numpy's vectorised exp and sums: equal to 1e-12 only
LOOSE = ("brier", "_mc2")


def read_list(path):
    """[(name, settings, [(task, columns)])]"""
    batches = []
    for line in open(path, encoding="utf-8"):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        cells = line.split("\t")
        if cells[0] == "batch":
            batches.append((cells[1], dict(c.split("=", 1) for c in cells[2:]), []))
        else:
            columns = dict(c.split("=", 1) for c in cells[-1].split(",")) if len(cells) > 1 else {}
            batches[-1][2].append((cells[0], columns))
    return batches


# -- running ------------------------------------------------------------------------------------


def prepare(path, out, tree):
    """Rows of every task's dataset, in memory and as files below OUT/rows."""
    import upstream

    manager = upstream.manager(tree, tree is None, dict(MODEL))
    for _, _, tasks in read_list(path):
        for task, columns in tasks:
            entry = manager.task_index[task]
            if entry.yaml_path and columns:
                cfg = upstream.load_yaml(entry.yaml_path, resolve_func=True)
                upstream.fill(cfg, columns)
    for (name, sub), splits in upstream.STORE.items():
        folder = os.path.join(out, "rows", name, sub or "")
        os.makedirs(folder, exist_ok=True)
        for split, rows in splits.items():
            with open(os.path.join(folder, split + ".jsonl"), "w", encoding="utf-8") as f:
                for row in rows:
                    f.write(json.dumps(row, ensure_ascii=False) + "\n")
    return manager


def read_rows(folder):
    """The rows that were written: for a run of upstream without columns."""
    import upstream

    for path in glob.glob(folder + "/**/*.jsonl", recursive=True):
        rel = os.path.relpath(path, folder).split(os.sep)
        rows = [json.loads(line) for line in open(path, encoding="utf-8")]
        for key in (("/".join(rel[:-1]), None), ("/".join(rel[:-2]), rel[-2])):
            upstream.STORE.setdefault(key, {})[rel[-1][: -len(".jsonl")]] = rows


def run_upstream(path, out, tree=None):
    import logging

    import upstream
    from lm_eval.loggers import EvaluationTracker

    logging.disable(logging.WARNING)
    if os.path.isdir(out + "/rows") and tree:
        read_rows(out + "/rows")
        manager = upstream.manager(tree, False, dict(MODEL))
    else:
        manager = prepare(path, out, tree)

    def evaluate(tasks, s, tracker=None):
        return upstream.lm_eval.simple_evaluate(
            model=upstream.HashModel(),
            model_args=dict(MODEL),
            tasks=tasks,
            num_fewshot=int(s["fewshot"]) if "fewshot" in s else None,
            limit=float(s["limit"]) if "limit" in s else None,
            samples=json.loads(s["samples"]) if "samples" in s else None,
            gen_kwargs=s.get("gen_kwargs"),
            bootstrap_iters=int(s.get("bootstrap", 1000)),
            fewshot_random_seed=int(s.get("seed", 1234)),
            task_manager=manager,
            evaluation_tracker=tracker,
        )

    for name, s, tasks in read_list(path):
        if glob.glob(f"{out}/{name}/theirs/*/results_*"):
            continue
        tracker = EvaluationTracker(output_path=f"{out}/{name}/theirs")
        tasks = [t for t, _ in tasks]
        try:
            results = evaluate(tasks, s, tracker)
        except Exception:  # leave out those that upstream can't run, and say so
            good = []
            for task in tasks:
                try:
                    evaluate([task], {**s, "limit": "12", "bootstrap": "0"})
                    good.append(task)
                except Exception as e:
                    print(f"upstream can't run {task}: {type(e).__name__}: {str(e)[:200]}", flush=True)
            results = evaluate(good, s, tracker)
        samples = results.pop("samples")
        tracker.save_results_aggregated(results, samples)
        for task in samples:
            tracker.save_results_samples(task, samples[task])
        print(name, len(tasks), "tasks", flush=True)
    import platform

    with open(out + "/python", "w") as f:
        f.write(platform.python_version())


def run_assay(path, out, assay, tree):
    version = tuple(map(int, open(out + "/python").read().split(".")[:2])) if os.path.exists(out + "/python") else (3, 12)
    for name, s, tasks in read_list(path):
        db = f"{out}/{name}/assay.db"
        os.makedirs(os.path.dirname(db), exist_ok=True)
        shutil.rmtree(f"{out}/{name}/ours", ignore_errors=True)
        for old in glob.glob(db + "*"):
            os.remove(old)
        command = [assay, "run", "--db", db, "--backend", "mock", "--scenario", "none", "--quiet", "--task-dir", tree]
        command += ["--data", out + "/rows", "--tasks", ",".join(t for t, _ in tasks), "--model", MODEL["model"]]
        command += ["--option", "answers=hash", "--option", "n-ctx=1000000"]
        command += ["--float-sum", "compensated" if version >= (3, 12) else "naive"]
        command += ["--bootstrap_iters", s.get("bootstrap", "1000"), "--fewshot_seed", s.get("seed", "1234")]
        command += ["--num_fewshot", s["fewshot"]] if "fewshot" in s else []
        command += ["--limit", s["limit"]] if "limit" in s else []
        command += ["--samples", s["samples"]] if "samples" in s else []
        command += ["--gen_kwargs", s["gen_kwargs"]] if "gen_kwargs" in s else []
        command += ["--allow-task-code", "--task-code-python", sys.executable] if "code" in s else []
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: assay run ended with {done.returncode}: {done.stderr[-600:]}")
        export = [assay, "export", "lm-eval", "--db", db, "--out", f"{out}/{name}/ours"]
        export += ["--allow-task-code", "--task-code-python", sys.executable] if "code" in s else []
        done = subprocess.run(export, capture_output=True, text=True)
        if done.returncode:
            print(f"{name}: assay export ended with {done.returncode}: {done.stderr[-600:]}")


# -- comparing ----------------------------------------------------------------------------------


def load(folder):
    """({key: results part}, {task: [sample]})"""
    results, samples = {}, {}
    for f in glob.glob(folder + "/*/results_*.json"):
        results = json.load(open(f, encoding="utf-8"))
    for f in glob.glob(folder + "/*/samples_*.jsonl"):
        name = os.path.basename(f)
        samples[name[8 : name.rindex("_")]] = open(f, encoding="utf-8").read().splitlines()
    return results, samples


def same(a, b, where, out):
    if isinstance(a, dict) and isinstance(b, dict):
        if list(a) != list(b):
            out.append(f"{where}: keys {list(a)} and {list(b)}"[:400])
        for k in a:
            if k in b:
                same(a[k], b[k], f"{where}.{k}", out)
    elif isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            out.append(f"{where}: {len(a)} and {len(b)} items")
        for i, (x, y) in enumerate(zip(a, b)):
            same(x, y, f"{where}[{i}]", out)
    elif type(a) is not type(b):
        out.append(f"{where}: {a!r} and {b!r}"[:300])
    elif isinstance(a, float) and (a == b or (math.isnan(a) and math.isnan(b))):
        pass
    elif isinstance(a, float) and any(w in where for w in LOOSE) and abs(a - b) <= 1e-12 * abs(b):
        pass
    elif isinstance(b, str) and a == re.sub(" at 0x[0-9a-f]+", "", b):
        pass  # a function that is printed with its address
    elif isinstance(a, str) and a.startswith("<function ") and b.startswith("def "):
        pass  # a function of another module than the one beside the task
    elif a != b:
        out.append(f"{where}: {a!r} and {b!r}"[:300])


def public(results):
    r = {k: v for k, v in results.items() if k not in PRIVATE}
    r.get("config", {}).pop("model", None)
    for c in r.get("configs", {}).values():
        c.get("metadata", {}).pop("config_source", None)
    return r


def compare(path, out):
    bad = n_tasks = n_samples = 0
    for name, _, tasks in read_list(path):
        ours, theirs = load(f"{out}/{name}/ours"), load(f"{out}/{name}/theirs")
        said = []
        same(public(ours[0]), public(theirs[0]), "results", said)
        for task in theirs[1]:
            a, b = ours[1].get(task, []), theirs[1][task]
            n_tasks += 1
            n_samples += len(b)
            if a == b:  # to the byte
                continue
            if len(a) != len(b):
                said.append(f"{task}: {len(a)} and {len(b)} samples")
            some = []
            for x, y in zip(a, b):
                if x != y:
                    same(json.loads(x), json.loads(y), task, some)
                    if not some and json.loads(x) == json.loads(y):
                        some.append(f"{task}: lines differ in form only: {x[:200]} | {y[:200]}")
            said += some[:3]
        for x in said[:40]:
            print(f"{name}: {x}")
        bad += len(said)
    print(f"{n_tasks} tasks, {n_samples} samples: {bad} differences")
    return bad


# -- goldens ------------------------------------------------------------------------------------


def digest(path, out, side):
    """One line per batch and task or group: hashes of all requests and of all scores, and the numbers."""
    for name, _, tasks in read_list(path):
        results, samples = load(f"{out}/{name}/{side}")
        for task, r in results.get("results", {}).items():
            asked, scores = hashlib.sha256(), hashlib.sha256()
            for line in samples.get(task, []):
                s = json.loads(line)
                asked.update(json.dumps([s["arguments"], s["doc_id"]], sort_keys=True).encode())
                keep = [s["target"], s["filtered_resps"]]
                keep += [s[m] for m in s["metrics"] if not any(w in m or w in task for w in LOOSE)]
                scores.update(json.dumps(keep).encode())
            numbers = {k: v for k, v in r.items() if k not in ("name", "alias", "sample_count")}
            print(json.dumps([name, task, asked.hexdigest()[:24], scores.hexdigest()[:24], numbers]))


def check(golden, path, out, side):
    import io
    from contextlib import redirect_stdout

    got = io.StringIO()
    with redirect_stdout(got):
        digest(path, out, side)
    got = {tuple(x[:2]): x[2:] for x in map(json.loads, got.getvalue().splitlines())}
    bad = 0
    lines = [json.loads(line) for line in open(golden, encoding="utf-8")]
    for name, task, *want in lines:
        mine = got.get((name, task))
        said = []
        same(mine, want, f"{name}/{task}", said)
        for x in said[:4]:
            print(x)
        bad += bool(said)
    print(f"{len(lines) - bad} of {len(lines)} results as in {os.path.basename(golden)}")
    return bad


def main():
    verb, args = sys.argv[1], sys.argv[2:]
    tree = args[args.index("--tree") + 1] if "--tree" in args else None
    if verb == "upstream":
        run_upstream(args[0], os.path.abspath(args[1]), tree)
    elif verb == "assay":
        run_assay(args[0], os.path.abspath(args[1]), args[2], tree)
    elif verb == "compare":
        sys.exit(1 if compare(args[0], args[1]) else 0)
    elif verb == "digest":
        digest(args[0], args[1], args[2])
    elif verb == "check":
        sys.exit(1 if check(*args[:4]) else 0)
    else:
        sys.exit(__doc__)


main()
