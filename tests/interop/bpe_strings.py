#!/usr/bin/env python3
"""Writes the texts of tests/golden/bpe-tokens.tsv, one a line, escaped: every byte outside printable
ASCII, and the backslash, as \\xHH.  Deterministic; see llama_golden.sh."""
import random
import sys
import unicodedata

R = random.Random(2019)

WORDS = """Once upon a time there was a little girl named Lily she loved to play outside in the park
with her friends don't can't won't I'm you're we've they'll he'd it's DON'T I'M YOU'RE WE'VE THEY'LL
HE'D IT'S 'sup 'tis rock'n'roll o'clock 3.14 1,000 2024-01-31 1234567 42 7 007 12 123 1234 12345 e.g.
U.S.A. co-operate "quoted" (parenthetical) [brackets] {braces} <tags> a/b\\c foo_bar camelCase
HTTP://example.org?q=1&r=2#frag user@example.com $9.99 50% #hash ~tilde ^caret |pipe| = + - * !? ...
Ünïcödé naïve café Straße Ελλάδα Привет мир שלום""".split()
CODE = [
    "int main(void)\n{\n    return 0;\n}\n", "for (size_t i = 0; i < n; i++)\n\t\tx[i] += y[i] * 3.5e-7f;",
    "def f(x):\n    return [y**2 for y in x if y != None]\n\n\n", "if(!p||p->next==NULL){goto out;}",
    "SELECT * FROM t WHERE a='x' AND b>=10;", "<div class=\"a b\">&nbsp;</div>\r\n<!-- c -->\r\n",
    "#include <stdio.h>\n#define X(a) ((a)<<1|0x7F)", "{\"k\": [1, 2.0, -3e+5, null], \"s\": \"\\u00e9\"}",
    "$ ls -la | grep '^d' > /dev/null 2>&1", "a:=b?c:d;//x\n/* y */", "    \t  x\n  \t\n\n y",
    "git commit -m 'fix: it''s done'", "\\frac{1}{2} \\sum_{i=0}^{n} x_i^2", "https://a.b/c?d=e%20f&g#h",
]
SCRIPTS = [
    (0x0900, 0x097F), (0x0980, 0x09FF), (0x0A80, 0x0AFF), (0x0B80, 0x0BFF), (0x0C00, 0x0C7F), (0x0D00, 0x0D7F),
    (0x0E00, 0x0E7F), (0x0E80, 0x0EFF), (0x0600, 0x06FF), (0x0590, 0x05FF), (0x0400, 0x04FF), (0x0370, 0x03FF),
    (0x00A0, 0x00FF), (0x0100, 0x017F), (0x3040, 0x30FF), (0x4E00, 0x4EFF), (0xAC00, 0xACFF), (0x1F300, 0x1F5FF),
    (0x1F600, 0x1F64F), (0x1F900, 0x1F9FF), (0x2000, 0x206F), (0x2070, 0x209F), (0x2150, 0x218F), (0x2190, 0x22FF),
    (0x2460, 0x24FF), (0x2580, 0x25FF), (0x0300, 0x036F), (0x1D400, 0x1D7FF), (0x10000, 0x1007F), (0xE000, 0xE07F),
    (0xFE00, 0xFE0F), (0xFF00, 0xFF5F), (0x1800, 0x181F), (0x1680, 0x169F), (0x10140, 0x1018F), (0x11050, 0x1106F),
]
DEVANAGARI = """नमस्ते दुनिया भारत एक विशाल देश है। क्षत्रिय ज्ञान हिन्दी में लिखा हुआ वाक्य स्त्री विद्यार्थी राष्ट्र
कर्म धर्म अर्थ त्र श्री ज़रूरत फ़र्क़ पढ़ाई १२३ ४५.६७ ₹५०० लड़का सेब खाता है। लड़की ने किताब पढ़ी। क्या? कि की कु कू कृ के
कै को कौ कं कः कँ क् ॐ""".split()
FIXED = [
    "", " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n\n", " \n ", "a", " a", "a ", " a ", "  a  b  ", " \t \n",
    "\n a", "\n  a", "\n   \n  a", "a\n", "a \n", "a  \n", ".\n", ". \n", ".\n\n", "!\r\n\r\n x", "\n!", " \n\n !",
    "'s", "'S", " 's", "''s", "'st", "'ſ", "'\u017f", "'l", "'ll", "'LL", "'lL", "'re", "'rE", "'r", "'", "' ", "'1", "'é",
    "x's", "X'S", "x'S y'T z'RE", "can't've", "’s", "don’t", "1's", "'s's's",
    "0", "00", "000", "0000", "00000", "1234567890", " 1", "  1", "1 2 3", "1a2b3", "1.5", "1,234,567.89", "-1", "+1",
    "²³", "½", "x²", "Ⅷ", "①②③", "٣٤٥", "१२३४", "৪৫৬৭", "๑๒๓๔", "1२3", "一二三", "𝟏𝟐𝟑𝟒", "𐄇𐄈𐄉𐄊",
    "\u00a0", " \u00a0", "\u00a0 ", "a\u00a0b", "\u0085", "a\u0085b", "\u1680", "\u180e", "a\u180eb", " \u180e ", "\u2003x",
    "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\u3000 \u3000x", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff",
    "\x0b\x0c", "\x1c\x1d\x1e\x1f", "\x00", "a\x00b", "\x7f", "\x01\x02", "\\", "\\n",
    "<s>", "</s>", "<s></s>", "<s> hello </s>", "hello<s>world", " <s>", "<s> ", "<s", "<<s>>", "<|im_end|>", "a<|im_end|>b",
    "<tag>", "a<tag>b", " <tag> x", "<tag><tag>", "<unk>", "<0x41>", "Ġ", "Ċ", "ĠĠ", "âĢĻ", "Ã©", "[EMPTY_3]",
    "நமஸ்காரம் உலகம்", "வணக்கம்", "ক্ষ্ম", "ಕನ್ನಡ", "മലയാളം", "తెలుగు", "ગુજરાતી", "ਪੰਜਾਬੀ", "ଓଡ଼ିଆ", "සිංහල",
    "สวัสดีชาวโลก", "ภาษาไทยไม่มีการเว้นวรรค", "مرحبا بالعالم", "السَّلَامُ عَلَيْكُمْ", "שָׁלוֹם עולם", "Привет, мир!", "Γειά σου Κόσμε",
    "こんにちは世界", "你好，世界。", "안녕하세요 세계", "ひらがなカタカナ漢字123", "e\u0301", "\u00e9", "a\u0308\u0323", "\u0301a", " \u0301", "\u0301",
    "x\u0301\u0302 y", "क\u094dष", "\u093fक", " \u093f", "क\u200dष", "क्\u200cष", "\u0900", "ा\n", "ाा ाा",
    "👍", "👍🏽", "👨‍👩‍👧‍👦", "🇮🇳🇺🇸", "I ❤️ 🍕!", "🎉🎉🎉🎉🎉🎉🎉🎉", "😀😃", "1️⃣2️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "Zalgo: h̴̢̛e̸̡ ̷c̵o̶m̷e̴s̸",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "thethethethethethe",
    "          ten spaces", "trailing          ", "tab\tseparated\tvalues", "line one\nline two\n", "\r\rcarriage",
    "!!!???...,,,;;;:::", "'\"`´‘’“”«»", "()[]{}<>", "/\\|", "@#$%^&*_+-=", "$+<=>^~|`", "a$b+c<d=e>f^g~h|i`j", "¡¿§¶",
    "=====", "-----", "*****", "_____", "#####", "....", "。。。", "،؛؟", "“a”", "(a)", "(1)", "-a", "_a_", "@a", "#a1", "a.b", ".a", " .a", "  .a",
    "ʰʱʲ", "ªº", "ⅰⅱ", "ǅ", "ꟲ", "𝒜ℬ", "Ⓐⓑ", "㊀", "㌀", "ﬁﬂ", "İiIı", "ẞß", "K", "Å",
]
BYTES = [
    b"\x80", b"\xff", b"\xc3", b"\xe2\x96", b"\xe2\x96\x81", b"\xf0\x9f\x98", b"\xc0\x80", b"\xe0\x80\x80", b"\xc1\xbf", b"\xed\xa0\x80",
    b"a\xed\xbf\xbf\xed\xa0\x80 b", b"\xf0\x8d\xa0\x80", b"\xf0\x80\x81\x81", b"\xf8\x88\x80\x80\x80", b"abc\xe2", b"\xe2 the",
    b"\xf0 Once upon", b"\xc3 a \xc3", b"caf\xe9", b"\x80\x81\x82\x83", b"\xfe\xff", b"a\xcc", b"\xe2\x96 \x81", b"\xe0\xa4", b"\xe0\xa4\xa8\xe0",
    b"\xf4\x8f\xbf\xbf", b"\xef\xbf\xbe\xef\xbf\xbd", b" \xff", b"1\xff2", b"'\xffs",
]
SPACE = [" ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", " \n", "\n ", "\u00a0", "\u3000", "\u2003", "    "]


def sentence(n):
    return " ".join(R.choice(WORDS) for _ in range(n))


def devanagari(n):
    return " ".join(R.choice(DEVANAGARI) for _ in range(n))


def letters(lo, hi):
    """Old characters where there are any: what they are does not depend on the Unicode version."""
    block = [chr(c) for c in range(lo, hi + 1)]
    return [c for c in block if unicodedata.ucd_3_2_0.category(c) != "Cn"] or block


def script(n):
    block = letters(*R.choice(SCRIPTS))
    return "".join(" " if R.random() < 0.12 else R.choice(block) for _ in range(n))


def spaced(n):
    return "".join(R.choice([R.choice(WORDS), R.choice(SPACE), R.choice(SPACE), R.choice(SPACE), "'", ".", "7"]) for _ in range(n))


def mixed(n):
    parts = [lambda: R.choice(WORDS), lambda: R.choice(DEVANAGARI), lambda: script(R.randint(1, 4)), lambda: R.choice(SPACE),
             lambda: R.choice(["<s>", "</s>", "<tag>", "<|im_end|>"]), lambda: str(R.randint(0, 99999)), lambda: R.choice("'\"([{-_.,!?$#@")]
    return "".join(R.choice(parts)() for _ in range(n))


def noise(n):
    def one():
        c = R.choice([32, R.randint(33, 126), R.randint(0, 255), 0xE0, 0xA4, 0xA8, 0xC3])
        return c if c not in (0xF4, 0xF5, 0xF6, 0xF7) else 0xFF  # llama.cpp aborts beyond U+10FFFF
    return bytes(one() for _ in range(n))


def texts():
    for s in FIXED + CODE:
        yield s.encode("utf-8", "surrogatepass")
    yield from BYTES
    for _ in range(150):
        yield sentence(R.randint(1, 12)).encode()
    for _ in range(120):
        yield devanagari(R.randint(1, 10)).encode()
    for _ in range(180):
        yield script(R.randint(1, 16)).encode("utf-8", "surrogatepass")
    for _ in range(120):
        yield spaced(R.randint(1, 9)).encode()
    for _ in range(150):
        yield mixed(R.randint(1, 9)).encode()
    for _ in range(100):
        yield noise(R.randint(1, 24))
    yield sentence(120).encode()
    yield devanagari(90).encode()
    yield "".join(R.choice(DEVANAGARI) for _ in range(60)).encode()
    yield b"a" * 300 + b" " * 200 + b"\n" * 100 + b"ab" * 100
    yield b"1" * 200
    yield noise(400)


for t in texts():
    sys.stdout.write("".join(chr(c) if 32 <= c < 127 and c != 92 else "\\x%02x" % c for c in t) + "\n")
