"""Calls one of upstream's functions on made-up rows and prints the golden line: for port_goldens.py.

A line: kind, path (of the module), has (a piece of the module's text), function, doc(s), out.
Packages that upstream's modules import and these functions don't use are stood in for."""
import builtins
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import json
import math
import os
import random
import sys
import types

ROOT = os.environ["LM_EVAL_DIR"].rstrip("/")
OUT, sys.stdout = sys.stdout, sys.stderr  # upstream prints too
STAND_INS = ("evaluate", "torch", "pytablewriter", "tqdm_loggable", "jsonlines", "bert_score", "more_itertools",
             "jieba", "fuzzywuzzy", "rouge")


class Stub(types.ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        if name[0].isupper():
            return type(name, (), {})
        return Stub(self.__name__ + "." + name)

    def __call__(self, *a, **k):
        return a[0] if len(a) == 1 and callable(a[0]) else self


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in STAND_INS:
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        return Stub(spec.name)

    def exec_module(self, module):
        module.__path__ = []


sys.path.insert(0, os.path.dirname(os.path.dirname(ROOT)))
import datasets  # noqa: E402

datasets.disable_progress_bars()
sys.meta_path.append(Finder())


def sum_of(values, start=0):
    """sum() of Python 3.12 and later: compensated for floats."""
    values = list(values)
    if not any(type(v) is float for v in values) or not all(type(v) in (int, float) for v in values):
        return builtins.sum(values, start)
    f = c = 0.0
    for x in values:
        t = f + x
        c += (f - t) + x if abs(f) >= abs(x) else (x - t) + f
        f = t
    return f + c if c and math.isfinite(c) else f


def load(path):
    spec = importlib.util.spec_from_file_location("m" + str(abs(hash(path))), path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if sys.version_info < (3, 12):
        module.sum = sum_of
    return module


def plain(v):
    """What JSON can hold: numpy's numbers and tuples as Python's numbers and lists."""
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if hasattr(v, "tolist"):
        return plain(v.tolist())
    return v


def function(module, name):
    """module.name; of "Class:name" a method, or what its aggregation() has there."""
    if ":" not in name:
        return getattr(module, name)
    of = getattr(module, name.split(":")[0])
    it = of.__new__(of)  # no data is loaded
    return getattr(it, name.split(":")[1], None) or it.aggregation()[name.split(":")[1]]


def case(kind, path, has, name, *args):
    full = os.path.join(ROOT, path)
    assert has in open(full, encoding="utf-8").read(), (path, has)
    f = function(load(full), name)
    line = {"kind": kind, "path": path, "has": has, "function": os.path.basename(path)[:-3] + "." + name}

    def put(**more):
        print(json.dumps({**line, **more}, ensure_ascii=False), file=OUT)

    if kind == "rows":
        random.seed(0)
        put(docs=args[0], out=[dict(r) for r in f(datasets.Dataset.from_list(args[0]))])
    elif kind == "aggregate":
        put(items=args[0], out=float(f([tuple(x) if isinstance(x, list) else x for x in args[0]])))
    elif kind == "data":
        asked = []
        datasets.load_dataset = lambda path, name=None, **_: asked.append([path, name]) or []
        for kwargs in args[0]:
            f(**kwargs)
            put(kwargs=kwargs, out=asked[-1])
    elif kind == "filter":
        kwargs, docs, resps = args
        put(kwargs=kwargs, docs=docs, resps=resps, out=[plain(x) for x in f(**kwargs).apply(resps, docs)])
    elif kind == "results":
        for doc, results in args[0]:
            out = f(copy.deepcopy(doc), [tuple(r) if isinstance(r, list) else r for r in results])
            put(doc=doc, results=results, out={k: plain(v) for k, v in out.items()})
    else:
        for (doc,) in args[0]:
            put(doc=doc, out=plain(f(copy.deepcopy(doc))))


def rows(path, has, name, docs):
    case("rows", path, has, name, docs)


def value(path, has, name, docs):
    case("value", path, has, name, [(d,) for d in docs])


TEXTS = ["Ein Satz.", "  two  spaces ", "日本語 テスト", "q[title] [x] y", "", "a _ b_c", "ÀÉ ß"]
