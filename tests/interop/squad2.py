"""SQuAD 2.0's scores of a set of answers, where the hub's metric can't be had: as evaluate's squad_v2 gives them.

port_golden_classes.py holds it to transformers' functions of the same script."""
import re
import string
import struct
from collections import Counter


def words(s):
    s = "".join(c for c in s.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", s).split()


def exact(gold, said):
    return int(words(gold) == words(said))


def f1(gold, said):
    g, s = words(gold), words(said)
    same = sum((Counter(g) & Counter(s)).values())
    if not g or not s:
        return int(g == s)
    if not same:
        return 0
    precision, recall = same / len(s), same / len(g)
    return 2 * precision * recall / (precision + recall)


def single(x):
    """As the metric's features keep a probability."""
    return struct.unpack("f", struct.pack("f", x))[0]


def raw(texts, references):
    golds = {r["id"]: [t for t in r["answers"]["text"] if words(t)] or [""] for r in references}
    return [{k: max(score(g, texts[k]) for g in gold) for k, gold in golds.items()} for score in (exact, f1)]


def compute(predictions, references):
    texts = {p["id"]: p["prediction_text"] for p in predictions}
    none = {p["id"]: single(p["no_answer_probability"]) for p in predictions}
    has = {r["id"]: bool(r["answers"]["text"]) for r in references}
    out = {}
    for name, scores in zip(("exact", "f1"), raw(texts, references)):
        kept = {k: float(not has[k]) if none[k] > 1.0 else s for k, s in scores.items()}
        for part, some in (("", list(has)), ("HasAns_", [k for k in has if has[k]]), ("NoAns_", [k for k in has if not has[k]])):
            if some:
                out[part + name] = 100.0 * sum(kept[k] for k in some) / len(some)
        now = best = sum(not v for v in has.values())
        for k in sorted(none, key=none.get):
            now += scores[k] if has[k] else -1 if texts[k] else 0
            best = max(best, now)
        out["best_" + name] = 100.0 * best / len(scores)
    return out
