"""Rows for lm-evaluation-harness's tasks, made up: valid for what a task reads, and of no other sense.

A dataset is described by its columns, each of a kind below; the same description gives the same rows.
"""

import random

WORDS = (
    "river stone green seven lantern the of and quickly moved under over house Émile naïve straße 東京 данные "
    "αβγ cat's \"quoted\" 12 3.5 1,000 (maybe) end. Why? no; yes: left-right snow tea market winter old new "
    "carries finds sees answers lives big small red blue music paper glass bread water light"
).split()
LETTERS = "ABCDEFGHIJ"


def sentence(rng, low=3, high=9):
    words = [rng.choice(WORDS) for _ in range(rng.randint(low, high))]
    text = " ".join(words)
    return text[:1].upper() + text[1:] + rng.choice([".", "", "!", " "])


def passage(rng):
    return "\n".join(sentence(rng, 6, 14) for _ in range(rng.randint(1, 3)))


def phrases(rng, n):
    out = []
    while len(out) < n:
        s = " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, 4)))
        if s not in out:
            out.append(s)
    return out


def number(rng):
    return rng.choice(["7", "12", "1,250", "3", "0", "5", "8", "-4"])


def qas(rng):
    def blob():
        blank = {"unanswerable": False, "yes_no": None, "free_form_answer": "", "extractive_spans": []}
        some = [{"unanswerable": True}, {"yes_no": True}, {"yes_no": False}, {"free_form_answer": sentence(rng)}, {"extractive_spans": phrases(rng, 2)}]
        return {**blank, **rng.choice(some)}

    n = rng.randint(1, 3)
    return {"question": [sentence(rng) for _ in range(n)], "answers": [{"answer": [blob() for _ in range(rng.randint(1, 3))]} for _ in range(n)]}


KINDS = {
    "text": lambda r: sentence(r),
    "short": lambda r: phrases(r, 1)[0],
    "word": lambda r: r.choice(WORDS),
    "passage": lambda r: passage(r),
    "blank": lambda r: f"{sentence(r, 2, 4)} _ {sentence(r, 2, 5)}",
    "number": lambda r: number(r),
    "gsm": lambda r: f"{sentence(r)}\n{sentence(r)}\n#### {number(r)}",
    "boxed": lambda r: f"{sentence(r)} so $\\boxed{{{r.randint(0, 9)}}}$.",
    "yes": lambda r: r.choice(["yes", "no"]),
    "Yes": lambda r: r.choice(["Yes", "No"]),
    "bool": lambda r: r.random() < 0.5,
    "float": lambda r: r.choice([0.5, 2.0, 1e16, 1e-7, 3.25]),
    "i2": lambda r: r.randrange(2),
    "i3": lambda r: r.randrange(3),
    "i4": lambda r: r.randrange(4),
    "n2": lambda r: r.randrange(1, 3),
    "n4": lambda r: r.randrange(1, 5),
    "int": lambda r: r.randrange(0, 100),
    "s2": lambda r: str(r.randrange(2)),
    "s4": lambda r: str(r.randrange(4)),
    "z2": lambda r: str(r.randrange(1, 3)),
    "z4": lambda r: str(r.randrange(1, 5)),
    "L2": lambda r: r.choice("AB"),
    "L3": lambda r: r.choice("ABC"),
    "L4": lambda r: r.choice("ABCD"),
    "l4": lambda r: r.choice("abcd"),
    "P4": lambda r: f"({r.choice('ABCD')})",
    "list2": lambda r: phrases(r, 2),
    "list4": lambda r: phrases(r, 4),
    "list5": lambda r: phrases(r, 5),
    "texts": lambda r: phrases(r, r.randint(1, 3)),
    "one": lambda r: phrases(r, 1),
    "strs4": lambda r: repr(phrases(r, 4)),
    "mc4": lambda r: {"text": phrases(r, 4), "label": list("ABCD")},
    "mcn": lambda r: {"label": list("ABCD"), "text": phrases(r, 4)},
    "d4": lambda r: dict(zip("ABCD", phrases(r, 4))),
    "ends": lambda r: {"text": phrases(r, 2)},
    "answers": lambda r: {"text": phrases(r, 2), "answer_start": [3, 8]},
    "mct": lambda r: {"choices": phrases(r, 4), "labels": [1, 0, 0, 0]},
    "mct2": lambda r: {"choices": phrases(r, 4), "labels": [1, 1, 0, 0]},
    "scores": lambda r: [1 if i == 0 else 0 for i in range(4)],
    "hot4": lambda r: [1 if i == k else 0 for k in [r.randrange(4)] for i in range(4)],
    "gold1": lambda r: [r.randrange(4)],
    "squad2": lambda r: {"text": (a := phrases(r, r.choice([0, 1, 3]))), "answer_start": [3] * len(a)},
    "qas": lambda r: qas(r),
    "null": lambda r: None,
    "empty": lambda r: "",
    "maybe": lambda r: r.choice(["yes", "no", "maybe"]),
    "nli": lambda r: r.choice(["entailment", "neutral", "contradiction"]),
}


def value(kind, rng, row):
    if kind.startswith("="):  # a constant
        return kind[1:]
    if kind.startswith("#"):
        return int(kind[1:])
    if kind.startswith("one-of:"):
        return rng.choice(kind[7:].split("|"))
    if kind.startswith("pick:"):  # one of another column's texts
        other = row[kind[5:]]
        return rng.choice(other["text"] if isinstance(other, dict) else other)
    if kind.startswith("{"):  # {key:kind;key:kind}
        return {k: value(v, rng, row) for k, v in (p.split("~") for p in kind[1:-1].split(";"))}
    if kind.startswith("["):  # three of a kind
        return [value(kind[1:-1], rng, row) for _ in range(3)]
    return KINDS[kind](rng)


def make(columns, split, n):
    """columns: {name: kind}, in order; picks come after what they pick from."""
    rng = random.Random(f"{sorted(columns.items())} {split}")
    rows = []
    for _ in range(n):
        row = {}
        for name, kind in sorted(columns.items(), key=lambda c: c[1].startswith("pick:")):
            row[name] = value(kind, rng, row)
        rows.append({name: row[name] for name in columns})
    return rows
