#!/usr/bin/env python3
"""find_rows.py VALIDATE.csv OUT [PER_FAMILY] - which made-up columns a task of lm_eval can live on.

For tasks that assay loads (VALIDATE.csv: assay validate --format csv), tries kinds of rows.py for the columns
that the task's templates and functions read until upstream runs it, and writes lines for identity.tsv.
"""

import collections
import contextlib
import csv
import io
import itertools
import json
import logging
import os
import re
import sys

import upstream
from jinja2 import Environment, meta

ENV = Environment()
LABEL = ["i4", "i2", "i3", "L4", "s2", "s4", "text", "n4", "z4", "bool", "yes", "P4", "nli"]
ANSWER = ["L4", "text", "i4", "s4", "z4", "n4", "yes", "number", "gsm", "texts", "i2", "pick:choices", "bool"]
BY_NAME = {
    "choices": ["list4", "mc4", "list2", "strs4", "d4"],
    "options": ["list4", "d4", "strs4", "mc4", "text"],
    "candidates": ["list4"],
    "multiple_choice_targets": ["list4"],
    "multiple_choice_scores": ["hot4"],
    "targets": ["one", "texts"],
    "mc1_targets": ["mct"],
    "mc2_targets": ["mct2"],
    "endings": ["list4"],
    "answers": ["texts", "answers", "list4", "one-of:a|b"],
    "translation": ["{en~text;de~text;fr~text;cs~text;ro~text;ar~text;zh~text}"],
    "sentence": ["blank", "text"],
    "answer": ANSWER, "Answer": ANSWER, "target": ANSWER, "answerKey": ["L4", "z4", "i4"],
    "label": LABEL, "gold": ["i4", "gold1", "L4", "i2", "text"],
    "page": ["passage"], "text": ["passage", "text"],
}
BY_FAMILY = {
    "gsm8k": {"answer": "gsm", "target": "number"},
    "gsm8k_platinum": {"answer": "gsm"},
    "gsm_plus": {"answer": "number", "solution": "gsm"},
    "winogrande": {"answer": "z2", "sentence": "blank"},
    "xwinograd": {"answer": "z2", "sentence": "blank"},
    "mgsm": {"answer": "gsm", "answer_number": "int"},
    "hendrycks_math": {"solution": "boxed", "type": "one-of:Algebra|Geometry", "level": "one-of:Level 5|Level 1"},
    "race": {"article": "passage"},
    "wikitext": {"page": "passage"},
    "pubmedqa": {"final_decision": "maybe", "CONTEXTS": "texts"},
    "mmlu_pro": {"options": "list5", "answer": "L4", "answer_index": "i4", "cot_content": "text"},
    "super_glue": {"idx": "{question~i4;paragraph~i4;answer~i4}"},
    "lambada": {"text": "passage"},
}
INTS = re.compile(r"(^|_)(idx|index|num|label|id|number)$|^(cop|ra|correct|gt|Label|answer_right_ending)$")


def strings(v):
    if isinstance(v, str):
        yield v
    elif isinstance(v, dict):
        for x in v.values():
            yield from strings(x)
    elif isinstance(v, list):
        for x in v:
            yield from strings(x)


def modules(cfg, folder):
    """The text of the modules the task's functions stand in."""
    def walk(v):
        if callable(v):
            yield getattr(getattr(v, "func", v), "__module__", ""), getattr(v, "func", v)
        elif isinstance(v, dict):
            for x in v.values():
                yield from walk(x)
        elif isinstance(v, list):
            for x in v:
                yield from walk(x)
    seen = {}
    for _, f in walk(cfg):
        path = getattr(getattr(f, "__code__", None), "co_filename", None)
        if path and path not in seen:
            with contextlib.suppress(OSError):
                seen[path] = open(path, encoding="utf-8").read()
    return "\n".join(seen.values())


def columns_of(cfg, folder):
    cols = {}
    for key in ("doc_to_text", "doc_to_target", "doc_to_choice", "description", "gen_prefix", "fewshot_config"):
        for s in strings(cfg.get(key)):
            with contextlib.suppress(Exception):
                for name in meta.find_undeclared_variables(ENV.parse(s)):
                    cols[name] = 1
            if re.fullmatch(r"[A-Za-z_]\w*", s) and key.startswith("doc_to"):
                cols[s] = 1
    text = modules(cfg, folder)
    for name in re.findall(r"(?:doc|x|line|example|row|item|d|out_doc|instance)\[[\"']([^\"']+)[\"']\]", text):
        cols[name] = 1
    for name in re.findall(r"(?:doc|x|example|row)\.get\([\"']([^\"']+)[\"']", text):
        cols[name] = 1
    for k in ("range", "dict", "namespace", "cycler", "loop"):
        cols.pop(k, None)
    return sorted(cols)


def kinds_of(name, fixed):
    if name in fixed:
        return [fixed[name]]
    if name in BY_NAME:
        return BY_NAME[name]
    if INTS.search(name):
        return ["i4", "i2", "n4", "z4", "text", "L4"]
    return ["text"]


def tries(cols, fixed, most):
    lists = [kinds_of(c, fixed) for c in cols]
    # breadth first: the first kinds of all columns, then one column changed, then two
    combos = sorted(itertools.product(*[range(len(x)) for x in lists]), key=lambda c: (sum(map(bool, c)), sum(c))) \
        if all(len(x) < 15 for x in lists) and len(cols) < 40 and _size(lists) < 50000 else [tuple(0 for _ in lists)]
    for c in combos[:most]:
        yield {cols[i]: lists[i][k] for i, k in enumerate(c)}


def _size(lists):
    n = 1
    for x in lists:
        n *= len(x)
    return n


def shape(cfg):
    keys = ("output_type", "doc_to_text", "doc_to_target", "doc_to_choice", "metric_list", "filter_list", "fewshot_config")
    text = json.dumps([cfg.get(k) for k in keys], default=lambda f: getattr(f, "__name__", "f"), sort_keys=True)
    return re.sub(r"_\w+", "", text)[:500]


def main():
    logging.disable(logging.ERROR)
    table, out = sys.argv[1], sys.argv[2]
    per = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    root = upstream.tasks_root()
    families = collections.defaultdict(list)
    for r in csv.DictReader(open(table)):
        if r["loads"] == "yes":
            rel = os.path.relpath(r["path"], os.path.realpath(os.environ.get("TREE", root)))
            families[rel.split("/")[0]].append((r["task"], os.path.join(root, rel)))
    manager = upstream.manager()
    taken, failed = {}, []
    only = set(sys.argv[4].split(",")) if len(sys.argv) > 4 else None
    with open(out, "a") as f:
        for family, tasks in sorted(families.items()):
            if only and family not in only:
                continue
            found, shapes, why = 0, set(), {}
            for task, path in tasks:
                if found == per or len(why) > 12:
                    break
                try:
                    cfg = upstream.load_yaml(path, resolve_func=True)
                except Exception as e:
                    why[task] = repr(e)[:150]
                    continue
                if shape(cfg) in shapes or not cfg.get("dataset_path"):
                    continue
                shapes.add(shape(cfg))
                key = (cfg["dataset_path"], cfg.get("dataset_name"))
                fixed = {**BY_FAMILY.get(family, {}), **taken.get(key, {})}
                cols = columns_of(cfg, os.path.dirname(path))
                if not cols:
                    continue
                for columns in tries(cols, fixed, 60):
                    columns = {**taken.get(key, {}), **columns}
                    error = upstream.attempt(manager, task, cfg, columns)
                    if error is None:
                        taken[key] = columns
                        print(task, family, ",".join(f"{k}={v}" for k, v in columns.items()), sep="\t", file=f, flush=True)
                        found += 1
                        why.pop(task, None)
                        break
                    why.setdefault(task, error[:150])
            print(family, found, file=sys.stderr, flush=True)
            for t, e in list(why.items())[:3]:
                print("   ", t, e, file=sys.stderr, flush=True)


main()
