#!/usr/bin/python3
"""Writes tests/tasks/pytext.jsonl: what CPython makes of strings and literals, for test_pytext.c."""
import ast, json, random

TEXTS = ["", "hello World", "é", "ß", "ŉ", "ǅ", "ΑΣ", "ΑΣΑ", "Σ", "ΑΣ.Α", "ΑΣ.", "İ", "ﬁx", "ΐ", "ᾳ", "ab\u0345", "ʼn",
         "Ⅷ", "ⓐ", "aΣ'b", "a\u00adΣ", "𐐀", "ς", "ẞ", "they're bill's", "x1y2 3z", "日本 ﬃ", "ǳ ǲ", "\u1e9b\u0323",
         "it's", 'say "x"', "both ' and \"", "tab\tnl\nret\rbs\\", "\x00\x1b\x7f\x85\xa0\xad", "\u200b\u2028\ue000",
         "\U0001F600\U000E0001", "\u0378"]
LITERALS = ["1", "-1", "+2.5", "- 3", "1_000", "0x1F", "0b101", "0o17", "1e5", ".5", "5.", "1.5e-7", "'a'", '"a"', "'a' 'b'",
            "'it\\'s'", r"'\n\t\\\x41\u00e9\U0001F600'", r"r'\n'", r"'\q'", r"'\101'", "u'x'", "'''a\nb'''", "[]", "[1, 2,]",
            "(1,)", "()", "(1)", "{}", "{'a': 1, 'b': [None, True, False]}", "{1: 2, 1: 3}", "[(1, 2), {'x': (3,)}]",
            "  [1]", "\t1", "[\n1,\n2\n]", "[1, # note\n 2]", "1, 2", "1,", "'a', 'b'", "['A', 'B', \"C's\"]", "{'a', 'a'}",
            "", " ", "nan", "inf", "x", "[1", "1]", "[1,,2]", "[,]", "(,)", "{1:}", "{1}", "'a", "'a\nb'", "\"\"\"a", "1 2", "1 + 2",
            "--1", "-'a'", "[1] * 2", "f'x'", "007", "0", "00", "1__0", "_1", "1_", "0x", "True", "true", "None", "none", "-True",
            "'\\x4'", "{[1]: 2}", "{'a': 1, 2}", "1\n", "[1]\n\n", "1\n2", "a.b", "[1 2]", "9223372036854775807", "-9223372036854775807",
            "1e400", "'\\\n'", "[*[1]]", "{**{}}", "not 1", "1if 1else 2", "'日本'", "['\\u3042']", "[[[[[1]]]]]", "...", "1j"]
NUMBERS = ["1", " 12 ", "-5", "+7", "1_0", "_1", "1__0", "", " ", "٣٤", "0x1A", "1.5", "1e3", "inf", "-Infinity", "nan", "1e", ".5", "5.",
           "\u00a07\u3000", "1 2", "--1", "9223372036854775807", "1_000.5", "1._5", "infinit", "0b1", "1e5_0", "²"]


def rows():
    for s in TEXTS:
        yield {"case": s, "lower": s.lower(), "upper": s.upper(), "title": s.title(), "capitalize": s.capitalize(),
               "swapcase": s.swapcase(), "casefold": s.casefold(), "repr": repr(s)}
    for s in LITERALS:
        try:
            v = ast.literal_eval(s)
        except Exception:
            v = Ellipsis
        if isinstance(v, (set, complex)) or v is Ellipsis:
            yield {"literal": s} if not isinstance(v, set) else {"literal": s, "repr": repr(tuple(v))}
        else:
            yield {"literal": s, "repr": repr(v)}
    rng = random.Random(5)
    for _ in range(200):
        f = rng.choice([rng.uniform(-1, 1), rng.uniform(-1e6, 1e6), rng.gauss(0, 1) * 10 ** rng.randrange(-320, 300),
                        float(rng.randrange(10 ** 18)), round(rng.uniform(-100, 100), rng.randrange(4))])
        yield {"literal": repr(f), "repr": repr(f)}
    for s in NUMBERS:
        r = {"number": s}
        for name, fn in (("int", int), ("float", float)):
            try:
                r[name] = repr(fn(s))
            except ValueError:
                pass
        yield r


with open("tests/tasks/pytext.jsonl", "w", encoding="utf-8") as f:
    for row in rows():
        f.write(json.dumps(row) + "\n")
