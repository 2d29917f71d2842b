#!/usr/bin/env python3
"""Writes the texts of tests/golden/stories260K-tokens.tsv (with the argument `odd`: of
odd-tokens.tsv), one a line, escaped: every byte outside
printable ASCII, and the backslash, as \\xHH.  Deterministic; see llama_golden.sh."""
import random
import sys

R = random.Random(260)

WORDS = """once upon a time there was a little girl named Lily she loved to play outside in the park
with her friends one day saw big red ball Tom and Ben were happy mom dad said yes no don't can't
Zoe's quickly butterfly xylophone antidisestablishmentarianism 3.14 1,000 2024-01-31 e.g. Mr. U.S.A.
co-operate rock'n'roll "quoted" (parenthetical) [brackets] {braces} <tags> a/b\\c foo_bar camelCase
HTTP://example.org?q=1&r=2#frag user@example.com $9.99 50% #hash ~tilde ^caret |pipe| = + - * !? ...""".split()
SCRIPTS = [
    (0x0900, 0x097F), (0x0B80, 0x0BFF), (0x0E00, 0x0E7F), (0x0600, 0x06FF), (0x0590, 0x05FF),
    (0x0400, 0x04FF), (0x0370, 0x03FF), (0x00A0, 0x00FF), (0x0100, 0x017F), (0x3040, 0x30FF),
    (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0x1F300, 0x1F5FF), (0x1F600, 0x1F64F), (0x1F900, 0x1F9FF),
    (0x2000, 0x206F), (0x2190, 0x22FF), (0x2580, 0x25FF), (0x0300, 0x036F), (0x1D400, 0x1D4FF),
    (0x10000, 0x1007F), (0xE000, 0xE07F), (0xFE00, 0xFE0F), (0xFF00, 0xFF5F),
]
FIXED = [
    "", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n\n", " \n ", "a", " a", "a ", " a ", "  a  b  ",
    "\u2581", "\u2581\u2581", " \u2581 ", "a\u2581b", "\u2581the", "the", " the", "The", "THE",
    "Once upon a time", "Once upon a time, there was a little girl named Lily.",
    "<s>", "</s>", "<unk>", "<s></s>", "<s> hello </s>", "hello<s>world", " <s>", "<s> ", "<s>  x",
    "</s></s></s>", "<s", "s>", "<<s>>", "<s><s>Once</s>", "<unk><unk> a", "a<unk>b</s>c<s>d",
    "<0x41>", "<0x0A>", "<0x", "<0xZZ>", "[INST] hi [/INST]", "<|im_start|>user", "\u00a0",
    "\u200b", "\u200d", "\ufeff", "\ufeffBOM", "e\u0301", "\u00e9", "\u2019", "\u201cquoted\u201d",
    "\u2122", "\u200a", "~[]~", "\x00", "a\x00b", "\x00\x00", "\x01\x02\x1f", "\x7f", "\\", "\\n",
    "नमस्ते दुनिया", "भारत एक विशाल देश है।", "क्षत्रिय", "ज्ञान", "हिन्दी में लिखा हुआ वाक्य",
    "สวัสดีชาวโลก", "ภาษาไทยไม่มีการเว้นวรรค", "வணக்கம் உலகம்", "مرحبا بالعالم", "שלום עולם",
    "Привет, мир!", "Γειά σου Κόσμε", "こんにちは世界", "你好，世界", "안녕하세요 세계", "Ξεσκεπάζω τὴν ψυχοφθόρα",
    "👍", "👍🏽", "👨‍👩‍👧‍👦", "🇮🇳🇺🇸", "I ❤️ 🍕!", "🎉🎉🎉🎉🎉🎉🎉🎉", "Zalgo: h̴̢̛e̸̡ ̷c̵o̶m̷e̴s̸",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "thethethethethethe", "abababababababababab",
    "          ten spaces", "trailing          ", "tab\tseparated\tvalues", "line one\nline two\n",
    "\r\rcarriage", "\x0b\x0c", "mixed \t \n \r whitespace", "\u3000ideographic\u3000space",
    "\u2028line\u2029para", "0123456789", "1234567890123456789012345678901234567890", "-273.15",
    "!!!???...,,,;;;:::", "'\"`´‘’“”«»", "()[]{}<>", "/\\|", "@#$%^&*_+-=", "Ünïcödé Ëvërÿwhérè",
]
BYTES = [
    b"\x80", b"\xff", b"\xc3", b"\xe2\x96", b"\xe2\x96\x81", b"\xf0\x9f\x98", b"\xc0\x80", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"abc\xe2", b"\xe2 the", b"\xf0 once upon", b"\xc3 a \xc3",
    b"caf\xe9", b"\x80\x81\x82\x83", b"\xfe\xff", b"a\xcc", b"\xe2\x96 \x81", b"\xe2\xe2\x96\x81\x81",
]


def sentence(n):
    return " ".join(R.choice(WORDS) for _ in range(n))


def script(n):
    lo, hi = R.choice(SCRIPTS)
    return "".join(" " if R.random() < 0.12 else chr(R.randint(lo, hi)) for _ in range(n))


def mixed(n):
    parts = [sentence(R.randint(1, 3)), script(R.randint(1, 4)), R.choice(["<s>", "</s>", "<unk>", "  ", "\n", "\t"])]
    return "".join(R.choice(parts) for _ in range(n))


def noise(n):
    return bytes(R.choice([32, 32, R.randint(33, 126), R.randint(0, 255), 0xE2, 0x96, 0x81]) for _ in range(n))


def texts():
    for s in FIXED:
        yield s.encode("utf-8")
    yield from BYTES
    for b in range(256):
        yield bytes([b]) + b"x"
    for _ in range(300):
        yield sentence(R.randint(1, 14)).encode()
    for _ in range(200):
        yield script(R.randint(1, 20)).encode("utf-8", "surrogatepass")
    for _ in range(150):
        yield mixed(R.randint(1, 8)).encode()
    for _ in range(150):
        yield noise(R.randint(1, 30))
    yield sentence(600).encode()
    yield script(700).encode()
    yield noise(2000)
    yield b"a" * 3000
    yield b" " * 1500
    yield b"ab" * 1000 + b"the" * 500


ODD = ["<", "<<", "<<<", "the cat", "the", " ", "  ", "\n", "\n\n", "a<", "a", "b", "c", "d", "ab", "bc", "cd",
       "abc", "<|im_end|>", "<tool>", "tcat", "<s>", "</s>", "<unk>", "n t", "n", "t", "[EMPTY_", "297]",
       "\u2581", "\u00e9", "x", "hand"]


def odd_texts():
    for s in ODD:
        yield s.encode()
    for n in range(400):
        yield "".join(R.choice(ODD) for _ in range(1 + n % 9)).encode()
    for _ in range(60):
        yield noise(R.randint(1, 12))


for t in odd_texts() if sys.argv[1:] == ["odd"] else texts():
    sys.stdout.write("".join(chr(c) if 32 <= c < 127 and c != 92 else "\\x%02x" % c for c in t) + "\n")
