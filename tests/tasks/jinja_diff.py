#!/usr/bin/python3
"""Differential test of tasks/template*.c against jinja2 (3.1, StrictUndefined).

  jinja_diff.py DRIVER [--n 4000] [--seed 1]        compare, print what differs, exit 1 if anything does
  jinja_diff.py DRIVER --tree lm_eval/tasks         the same for every template string of a task tree
  jinja_diff.py DRIVER --chat FOLDER                the same for every chat template (*.jinja) below a folder;
                                                    "own": for those in chat_cases.py
  jinja_diff.py --write tests/tasks/templates.jsonl  write the goldens that test_template.c reads
  jinja_diff.py --write-chat tests/tasks/chat.jsonl  the same for the chat templates in chat_cases.py

DRIVER is the program made from render_jsonl.c.  Cases are the hand-written ones below plus random
expressions and statements; a golden holds {"template", "doc", "out"} or {"template", "doc", "error": 1}.
Chat templates are rendered as transformers does, with the conversations of chat_cases.py.
"""
import argparse, datetime, glob, json, os, random, re, signal, subprocess, sys, warnings
import jinja2, jinja2.ext, jinja2.meta, jinja2.sandbox
import chat_cases

DOCS = [
    {"s": "Hello World", "t": "  padded\t\n", "e": "", "u": "Ünïcödé ß ΑΣ", "n": 3, "z": 0, "neg": -7,
     "f": 2.5, "big": 1e16, "b": True, "none": None, "l": [1, 2, 3], "ls": ["b", "A", "c", "a"],
     "d": {"a": 1, "b": [1, 2], "items": "shadow"}, "empty": [],
     "rows": [{"name": "x", "v": 3, "sub": {"k": "p"}}, {"name": "Y", "v": 1, "sub": {"k": "q"}},
              {"name": "z", "v": 2, "sub": {"k": "p"}}],
     "choices": {"text": ["red", "green"], "label": ["A", "B"]}, "answer": "B", "idx": 1},
    {"s": "it's \"q\"", "t": "\u3000x\u00a0", "e": "", "u": "日本語 text", "n": 10, "z": 0, "neg": -1,
     "f": -0.1, "big": 123456789012, "b": False, "none": None, "l": [5, 4], "ls": [],
     "d": {"k": {"deep": [None, True, 1.5]}}, "empty": {}, "rows": [], "choices": {"text": [], "label": []},
     "answer": "A", "idx": 0},
]

HAND = r"""
{{sentence_good}}
{{ s }}
{{s}} {{n}} {{f}} {{big}} {{b}} {{none}} {{l}} {{d}} {{ls}} {{rows}}
{{ s.strip() }}{{ t.strip() }}|{{ t.lstrip() }}|{{ t.rstrip() }}
Question: {{s.strip()}}
A. {{choices.text[0]}}
{{ ["A", "B", "C"].index(answer) }}
{{ choices.label.index(answer) }}
{{ choices["text"][choices.label.index(answer)] }}
{{ ls[-1] }} {{ l[idx] }} {{ l[idx-1] }} {{ l[:2] }} {{ s[::-1] }} {{ s[1:4] }} {{ u[2] }} {{ u[-2:] }}
{{ missing }}
{{ missing is defined }} {{ missing is undefined }} {{ missing is none }} {{ none is none }} {{ missing is not none }}
{{ missing.attr }}
{{ d.missing }}
{{ d.missing is defined }}
{{ d["missing"] }}
{{ l[99] }}
{{ l[99] is defined }}
{{ d.items }}
{{ d["items"] }}
{{ d.items() }} {{ d.keys() }} {{ d.values() }}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}
{% for i in range(3) %}{{ loop.index0 }}{{ loop.index }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}
{% for i in [] %}x{% else %}none{% endfor %}
{% for i in l if i > 1 %}{{ i }}/{{ loop.length }} {% endfor %}
{% for i in l %}{% if loop.first %}[{% endif %}{{ i }}{% if not loop.last %},{% else %}]{% endif %}{% endfor %}
{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }} {% endfor %}
{% for a, b in [(1, 2, 3)] %}{{ a }}{% endfor %}
{% for i in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }} {% endfor %}
{% for i in l %}{{ loop.cycle("a", "b") }}{{ loop.changed(i > 1) }} {% endfor %}
{% for r in rows recursive %}{{ r.name }}{{ loop.depth }}{% if r.v == 3 %}({{ loop([{"name": "n", "v": 0}]) }}){% endif %}{% endfor %}
{% set x = 5 %}{{ x + 1 }}{% set x, y = 1, 2 %}{{ x }}{{ y }}
{% set x %}block {{ n }}{% endset %}[{{ x }}]
{% set x | upper %}block {{ s }}{% endset %}[{{ x }}]
{% set x = 1 %}{% for i in l %}{{ x }}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}
{% if z %}{% set q = 1 %}{% endif %}{{ q is defined }}
{% if true %}{% set q = 1 %}{% endif %}{{ q }}
{% set ns = namespace(n=0) %}{% for i in l %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}
{{ 1 if b else 2 }} {{ "x" if z }}| {{ 1 if z else 2 if none else 3 }}
{{ (1 if z) is defined }}{{ ("a" if z) ~ "b" }}
{{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7 / 2 }} {{ 6 / 2 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}
{{ 1 / 0 }}
{{ 1 // 0 }}
{{ 2 ** 3 ** 2 }} {{ -2 ** 2 }} {{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }}
{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ true == 1 }} {{ "a" < "b" }} {{ [1] == [1] }} {{ (1,) == [1] }}
{{ 1 < "a" }}
{{ 1 in l }} {{ 9 not in l }} {{ "el" in s }} {{ "a" in d }} {{ not 1 in l }}
{{ 1 in "a" }}
{{ not none }} {{ not "" or 3 }} {{ 0 or "" or "x" }} {{ 1 and 2 }} {{ 1 and 0 }}
{{ "a" ~ 1 ~ none ~ 2.0 ~ [1] }}
{{ "a" "b" 'c' }} {{ 'a\nb\t\x41\u00e9\'' }} {{ "\q\d" }} {{ "\101" }}
{{ "%s is %d and %.2f %r %5s|%-5s|%05d %x %%" % (s, n, f, e, "ab", "ab", 42, 255) }}
{{ "%(a)s" % {"a": 1} }} {{ "%s" % s }}
{{ "%s %s" % s }}
{{ "abc" * 3 }} {{ [1] * 2 }} {{ 2 * "x" }} {{ "x" * -1 }} {{ (1,) + (2,) }} {{ [1] + [2] }}
{{ [1] + (2,) }}
{{ {"a": 1, "b": {"c": none}} }} {{ {} }} {{ () }} {{ (1,) }} {{ 1, 2 }} {{ {1: 2, true: 3} }}
{{ 1e16 }} {{ 1e-5 }} {{ 0.1 + 0.2 }} {{ 5.0 }} {{ 1.5e300 * 1e10 }} {{ 1_000 }} {{ 0x1f }} {{ 0b11 }} {{ 0o17 }} {{ 100000000000000000000.0 }}
{{ s | length }} {{ l | length }} {{ u | length }} {{ d | count }}
{{ n | length }}
{{ l | join(", ") }} {{ ls | join }} {{ rows | join("-", attribute="name") }} {{ [1, none, 2.5] | join("|") }}
{{ n | string ~ "x" }} {{ "42" | int + 1 }} {{ "4.7" | int }} {{ "x" | int }} {{ "x" | int(7) }} {{ none | int }} {{ "0x1A" | int(0, 16) }} {{ " 12 " | int }} {{ "1_000" | int }} {{ 3.99 | int }} {{ true | int }}
{{ "3.5" | float }} {{ "x" | float }} {{ n | float }} {{ "1e3" | float }} {{ "inf" | float }} {{ none | float(1) }}
{{ "inf" | int }}
{{ s | list }} {{ d | list }} {{ range(3) | list }}
{{ rows | map(attribute="name") | list }} {{ rows | map(attribute="sub.k") | join(",") }} {{ ls | map("upper") | list }} {{ rows | map(attribute="zz", default="-") | list }} {{ ls | map("replace", "a", "x") | list }}
{{ rows | map(attribute="name") }}
{{ l | select("odd") | list }} {{ l | reject("odd") | list }} {{ [0, 1, "", "a"] | select | list }} {{ l | select("gt", 1) | list }} {{ rows | selectattr("v", "equalto", 3) | map(attribute="name") | list }} {{ rows | rejectattr("v", ">", 1) | list | length }} {{ rows | selectattr("sub") | list | length }}
{{ t | trim }}| {{ "xxhixx" | trim("x") }} {{ s | replace("o", "0") }} {{ s | replace("o", "0", 1) }} {{ s | upper }} {{ s | lower }} {{ u | upper }} {{ u | lower }} {{ "hELLO wORLD" | capitalize }} {{ "hello-world foo(bar" | title }} {{ u | title }}
{{ l | first }} {{ l | last }} {{ s | first }} {{ s | last }}
{{ [] | first }}
{{ [] | first is defined }}
{{ l | reverse | list }} {{ s | reverse }} {{ u | reverse }}
{{ ls | sort }} {{ ls | sort(case_sensitive=true) }} {{ l | sort(reverse=true) }} {{ rows | sort(attribute="v") | map(attribute="name") | list }} {{ rows | sort(attribute="sub.k,v") | map(attribute="v") | list }}
{{ [1, "a"] | sort }}
{{ ["a", "A", "b"] | unique | list }} {{ [1, 2, 1, 1.0] | unique | list }}
{{ l | sum }} {{ rows | sum(attribute="v") }} {{ [] | sum }} {{ [[1], [2]] | sum(start=[]) }} {{ l | min }} {{ l | max }} {{ ls | max }} {{ rows | min(attribute="v") }}
{{ [] | min }}
{{ -3 | abs }} {{ neg | abs }} {{ 2.5 | round }} {{ 3.5 | round }} {{ 2.675 | round(2) }} {{ 42.55 | round(1, "floor") }} {{ 42.55 | round(1, "ceil") }} {{ 42.55 | round | int }} {{ 15 | round(-1) }} {{ 25 | round(-1) }} {{ 7 | round(0, "floor") }}
{{ missing | default("d") }} {{ "" | default("d") }} {{ "" | default("d", true) }} {{ none | default("d") }} {{ none | d("d", boolean=true) }}
{{ missing.x | default("d") }}
{{ d.zzz | default(1) }}
{{ d | tojson }} {{ "<a href='x'>&" | tojson }} {{ [1, 2.5, none, true, "é"] | tojson }} {{ {"b": 1, "a": [1]} | tojson(indent=2) }}
{{ {"b": 1, "A": 2, "c": 0} | dictsort }} {{ {"b": 1, "A": 2} | dictsort(true) }} {{ {"b": 1, "a": 2} | dictsort(by="value", reverse=true) }} {{ d | items | list }}
{{ l | batch(2) | list }} {{ l | batch(2, "x") | list }} {{ l | slice(2) | list }} {{ l | slice(2, "x") | list }}
{{ rows | groupby("sub.k") }} {% for g in rows | groupby("sub.k") %}{{ g.grouper }}:{{ g.list | length }} {% endfor %}
{{ "a b c" | wordcount }} {{ "<&>'\"" | e }} {{ "a\nb\n\nc" | indent(2) }} {{ "a\nb" | indent(2, true) }} {{ "foo bar baz qux" | truncate(9) }} {{ "foo bar baz qux" | truncate(9, true) }} {{ "foo bar baz qux" | truncate(11) }} {{ "a b/c?&é" | urlencode }} {{ "%s!" | format("x") }} {{ "mid" | center(9) }}| {{ 1000000 | filesizeformat }} {{ 1 | filesizeformat }} {{ 5000 | filesizeformat(true) }}
{{ s | attr("upper") is defined }} {{ d | attr("a") is defined }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ s is string }} {{ n is number }} {{ f is float }} {{ n is integer }} {{ b is boolean }} {{ b is true }} {{ b is false }} {{ d is mapping }} {{ l is sequence }} {{ s is sequence }} {{ n is sequence }} {{ l is iterable }} {{ n is iterable }} {{ s is lower }} {{ s is upper }} {{ 1 is eq 1 }} {{ 1 is ne(2) }} {{ 3 is gt 2 }} {{ 3 is le 2 }} {{ 1 is in l }} {{ range is callable }} {{ none is sameas none }} {{ "upper" is filter }} {{ "odd" is test }}
{{ s.upper() }} {{ s.lower() }} {{ u.capitalize() }} {{ u.title() }} {{ u.swapcase() }} {{ "ß".upper() }} {{ "ΑΣ ΑΣΑ".lower() }} {{ "İ".lower() | length }} {{ "ǆ".title() }} {{ "ﬁ".upper() }} {{ "ﬁ".capitalize() }} {{ "ß".casefold() }}
{{ s.split() }} {{ s.split("o") }} {{ s.split("o", 1) }} {{ s.rsplit("o", 1) }} {{ t.split() }} {{ "a,b,,c".split(",") }} {{ "a\nb\r\nc\n".splitlines() }} {{ s.partition(" ") }} {{ s.rpartition("o") }} {{ s.split(maxsplit=1) }}
{{ s.split("") }}
{{ s.find("o") }} {{ s.rfind("o") }} {{ s.find("zz") }} {{ s.index("W") }} {{ u.find("ö") }} {{ s.count("l") }} {{ s.count("") }} {{ s.find("o", 5) }} {{ s.find("o", -3, -1) }} {{ u.find("", 99) }}
{{ s.index("zz") }}
{{ ls.index("zz") }}
{{ s.startswith("He") }} {{ s.endswith(("d", "x")) }} {{ s.startswith("e", 1) }} {{ s.replace("l", "L", 2) }} {{ "-".join(ls) }} {{ "ab".replace("", "-") }} {{ "7".zfill(3) }} {{ "-7".zfill(4) }} {{ "x".ljust(3) }}| {{ "x".rjust(3, ".") }} {{ "abcd".center(7, "*") }} {{ "abc".center(6, "*") }} {{ "abc".removeprefix("a") }} {{ "abc".removesuffix("c") }}
{{ "".join([1]) }}
{{ "٣".isdigit() }} {{ "²".isdigit() }} {{ "²".isdecimal() }} {{ "½".isnumeric() }} {{ "a1".isalnum() }} {{ "".isdigit() }} {{ " ".isspace() }} {{ "Ab Cd".istitle() }} {{ "abc".isidentifier() }} {{ "12".isdigit() }} {{ "é".isascii() }} {{ "日".isalpha() }}
{{ d.get("a") }} {{ d.get("zz") }} {{ d.get("zz", 5) }} {{ l.count(1) }} {{ l.index(2) }} {{ (1, 2).index(2) }}
{{ range(5)[1:3] }} {{ range(0, 10, 3) | list }} {{ range(5, 0, -2) | list }} {{ range(3) }} {{ range(1, 9, 2) }} {{ range(4)[-1] }} {{ 3 in range(5) }} {{ range(5) | length }}
{{ dict(a=1, b=2) }} {{ dict([("x", 1)], y=2) }} {{ dict(d).keys() | list | length }}
{% set c = cycler("a", "b") %}{{ c.next() }}{{ c.next() }}{{ c.next() }}{{ c.current }}{% set j = joiner("|") %}{% for i in l %}{{ j() }}{{ i }}{% endfor %}
{% macro m(a, b=2, c="x") %}[{{ a }}{{ b }}{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, c=3) }}{{ m(1, 2, 3) }}{{ m("q", b=n) | upper }}
{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, z=3) }}
{% macro m(a) %}{{ a is defined }}{% endmacro %}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}
{% macro m(a) %}{{ a }}{% endmacro %}{{ m(b=2) }}
{% macro outer(x) %}<{{ caller(x) }}>{% endmacro %}{% call(y) outer("v") %}in {{ y }}{% endcall %}
{% macro f(n) %}{% if n > 0 %}{{ n }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(4) }}
{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}
{% filter upper %}abc {{ s }}{% endfilter %} {% filter replace("a", "b") | upper %}aaa{% endfilter %}
{% raw %}{{ not }} {% this %}{% endraw %} {%- raw -%}  x  {%- endraw -%}  y
a {#- comment -#} b {# {{ x }} #} c
a  {{- s -}}  b {%- if true -%}  c  {%- endif -%}  d
{% if z %}a{% elif n == 3 %}b{% elif n %}c{% else %}d{% endif %}
{% if l %}full{% endif %}{% if not empty %}empty{% endif %}
{% if missing %}x{% endif %}
{% if missing is defined and missing %}x{% else %}y{% endif %}
{{ missing == 1 }}
{{ missing ~ "x" }}
{{ [missing] }}
{{ missing | upper }}
{{ missing | string }}
{{ missing | length }}
{% for x in missing %}{% endfor %}
{{ missing in l }}
{{ l.missing is defined }} {{ s.missing is defined }} {{ n.missing is defined }}
{{ s.foo }}
{{ none.foo }}
{{ s() }}
{{ nosuch() }}
{{ s | nosuch }}
{{ s is nosuch }}
{{ s
{{ s }
{% if %}x{% endif %}
{% if s %}x
{% endif %}
{% for x in %}{% endfor %}
{{ }}
{{ s s }}
{{ (1 }}
{{ 1 ] }}
{{ "abc }}
{% nosuch %}
{% set 1 = 2 %}
{% set x = %}
{# unclosed
{% raw %} unclosed
{{ "a" if }}
{{ s..x }}
{{ s. }}
{{ 1.5.x }}
{{ l.0 }} {{ l.1 }} {{ rows.0.name }} {{ rows[0]["name"] }} {{ rows[0].sub.k }}
{{ [[1, 2], [3]][0][1] }} {{ {"a": {"b": 3}}.a.b }} {{ "abc"[1] }} {{ "abc"[5] is defined }} {{ (1, 2, 3)[1:] }} {{ l[::2] }} {{ l[::-1] }} {{ l[5:] }} {{ s[:-100] }}
{{ l["a"] is defined }} {{ d[1] is defined }} {{ d[none] is defined }}
{{ s[1:"x"] }}
{{ l[::0] }}
{{ -n }} {{ +n }} {{ -f }} {{ - -n }}
{{ -s }}
{{ true }} {{ True }} {{ false }} {{ None }} {{ none }} {{ true + true }} {{ true * 3 }}
{{ "a,b" | replace(",", " and ") | title | length }}
{{- s }}|
{{+1}} {{-1}} {{ -1 }}
{{ "{{" }} {{ '}}' }} {{ {"a": {"b": 1}} }}{{ {"x": {}} }}
line1
line2 {{ s }}
line3

{{ (s if b else u).strip() }} {{ (l + ls) | length }} {{ (n | string).zfill(4) }} {{ s.split()[0] }} {{ s.split(" ")[-1].lower() }}
{{ "x" is in "xyz" }} {{ n is not none and n > 2 }} {{ not n is none }} {{ n is odd or n is even }}
{{ 10 is divisibleby 2 and 9 is odd }} {{ 1 == 1 is true }}
{{ [1, [2, (3, "x"), {"k": 'it"s'}]] }} {{ ["it's", 'q"', "both'\"", "\n\t\\", "é", "\u200b", "\x7f"] }}
{{ "é日\U0001F600" }} {{ ["\U0001F600"] }}
{% for c in "añ日" %}{{ c }}-{% endfor %}{% for k in d %}{{ k }}{% endfor %}
{% for i in range(3) %}{% for j in range(2) %}{{ loop.index }}{{ i }}{{ j }} {% endfor %}{{ loop.index }}{% endfor %}
{% for i in range(2) %}{{ loop }}{% endfor %}
{% for loop in l %}{{ loop }}{% endfor %}
{{ loop is defined }}
{% set loop = 3 %}{{ loop }}
{{ range(10) | select("even") | map("string") | join("") }} {{ range(3) | map("float") | sum }}
{{ ["a", "b"] | map("upper") | first }} {{ [3, 1, 2] | sort | first }}
{{ [1, 2] | map("string") | length }}
{{ (l | map("string"))[0] }}
{% set g = l | map("string") %}{{ g | list }}{{ g | list }}
{% set x = l %}{{ x is sameas l }} {{ x == l }}
{{ s.strip }}
{{ 922337203685477580 }} {{ 0.1 }} {{ 1e22 }} {{ 123456789.123456789 }} {{ 1e-7 }} {{ 3.0e0 }}
{{ 1.0 // 0.0 }}
{{ 5 % 0 }}
{{ 0 ** -1 }}
{{ "a" - 1 }}
{{ none + 1 }}
{{ [1, 2, 3] | join(",") | replace(",", ";") }}
{{ "a.b.c".split(".") | last | upper }}
{{ {"a": 1}["a"] }} {{ {"a": 1}.get("b", "z") }} {{ {"a": 1} == {"a": 1.0} }} {{ "a" in {"a": 1} }}
{{ [1, 2] in [[1, 2]] }} {{ (1,) < (2,) }} {{ [1, 2] < [1, 3] }} {{ none == false }} {{ none == none }} {{ "" == none }}
{{ 3 if n == 3 and not z else 4 }} {{ (n > 2) | string }} {{ [n > 2, z == 0] }}
{{ s | regex_replace("o+", "0") }} {{ s | regex_replace("(\\w)(\\w)", "\\2\\1") }} {{ s | regex_replace("[aeiou]", "", 1) }} {{ s | regex_replace("(?P<x>l+)", "<\\g<x>>") }} {{ "abc" | regex_replace("x*", "-") }} {{ u | regex_replace("\\s", "_") }}
{{ s | regex_replace("(", "") }}
"""

NAMES = ["s", "t", "e", "u", "n", "z", "neg", "f", "big", "b", "none", "l", "ls", "d", "empty", "rows",
         "choices", "answer", "idx", "missing"]
STRS = ["''", '"a"', "'o'", "' '", "'é'", "'A,b'", "'it\\'s'", "'3'", "'-2.5'", "'ß'"]
NUMS = ["0", "1", "2", "3", "7", "2.5", "0.1", "1e3", "10"]
ATTRS = ["a", "b", "name", "text", "label", "items", "x", "k"]
METHODS = ["strip()", "upper()", "lower()", "split()", "split('o')", "title()", "capitalize()", "lstrip()",
           "rstrip('o')", "replace('o', '0')", "find('l')", "count('l')", "startswith('H')", "index('l')",
           "keys()", "values()", "items()", "get('a')", "isdigit()", "join(['x', 'y'])", "splitlines()",
           "swapcase()", "zfill(4)", "center(8, '*')", "partition('o')", "rsplit(' ', 1)", "isalpha()"]
FILTERS = ["length", "string", "int", "float", "list", "upper", "lower", "title", "capitalize", "trim",
           "first", "last", "join(',')", "join", "sort", "sort(reverse=true)", "unique|list", "sum", "min", "max",
           "abs", "round", "round(1)", "default('D')", "default('D', true)", "reverse|list", "tojson",
           "map('string')|list", "map(attribute='name')|list", "map('upper')|join", "select|list",
           "reject|list", "select('odd')|list", "selectattr('v', 'gt', 1)|list", "batch(2)|list",
           "slice(2)|list", "dictsort", "items|list", "replace('o', '0')", "wordcount", "e", "truncate(8)",
           "indent", "count", "groupby('v')", "center(9)", "urlencode", "attr('a')|default('no')"]
TESTS = ["defined", "undefined", "none", "string", "number", "mapping", "sequence", "iterable", "odd", "even",
         "true", "false", "boolean", "integer", "float", "lower", "upper", "eq 1", "ne 'a'", "in l", "gt 1",
         "divisibleby 2", "sameas none", "not none", "not defined", "callable"]
BINOPS = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", ">", "<=", ">=", "in", "not in", "and", "or"]


class Gen:
    def __init__(self, rng):
        self.r = rng

    def atom(self):
        r = self.r
        return r.choice([r.choice(NAMES), r.choice(NAMES), r.choice(NAMES), r.choice(STRS), r.choice(NUMS),
                         r.choice(["true", "false", "none", "[]", "{}", "()"])])

    def expr(self, d):
        r = self.r
        if d <= 0:
            return self.atom()
        k = r.randrange(14)
        if k == 0:
            return "(%s %s %s)" % (self.expr(d - 1), r.choice(BINOPS), self.expr(d - 1))
        if k in (1, 2):
            return "%s.%s" % (self.expr(d - 1) if r.random() < .3 else r.choice(NAMES), r.choice(METHODS))
        if k in (3, 4, 5):
            return "(%s)|%s" % (self.expr(d - 1), r.choice(FILTERS))
        if k == 6:
            return "(%s) is %s" % (self.expr(d - 1), r.choice(TESTS))
        if k == 7:
            return "(%s if %s else %s)" % (self.expr(d - 1), self.expr(d - 1), self.expr(d - 1))
        if k == 8:
            return "%s[%s]" % (r.choice(NAMES), r.choice(["0", "-1", "1", "idx", "'a'", "'text'", ":2", "1:",
                                                        "::-1", "-2:", "::2", "n-1"]))
        if k == 9:
            return "%s.%s" % (r.choice(NAMES), r.choice(ATTRS))
        if k == 10:
            return "[%s]" % ", ".join(self.expr(d - 1) for _ in range(r.randrange(4)))
        if k == 11:
            return "{%s}" % ", ".join("%s: %s" % (r.choice(STRS + NUMS), self.expr(d - 1)) for _ in range(r.randrange(3)))
        if k == 12:
            return r.choice(["not %s", "-%s", "(%s)", "(%s,)"]) % self.expr(d - 1)
        return "(%s %s %s %s %s)" % (self.atom(), r.choice(["<", "==", "<=", "!="]), self.atom(), r.choice(["<", ">", "=="]), self.atom())

    def body(self, d):
        r, out = self.r, []
        for _ in range(r.randrange(1, 4)):
            m, e = r.choice(["", "", "", "-"]), r.choice(["", "", "", "-"])
            k = r.randrange(10)
            if k < 3 or d <= 0:
                out.append(r.choice(["text ", "\n", "  x\n ", "é ", ""]))
                out.append("{{%s %s %s}}" % (m, self.expr(1), e))
            elif k == 3:
                out.append("{%%%s if %s %%}%s{%% else %%}%s{%% endif %s%%}" % (m, self.expr(1), self.body(d - 1), self.body(d - 1), e))
            elif k == 4:
                out.append("{%%%s for i in %s %%}%s{{ i }}{{ loop.index }}{%% else %%}E{%% endfor %s%%}" % (m, self.expr(1), self.body(d - 1), e))
            elif k == 5:
                v = r.choice(["x", "y"])
                out.append("{%%%s set %s = %s %s%%}{{ %s }}" % (m, v, self.expr(1), e, v))
            elif k == 6:
                out.append("{%% for i in range(%d) %%}{%% set n = n + i %%}{{ n }}%s{%% endfor %%}" % (r.randrange(3), self.body(d - 1)))
            elif k == 7:
                out.append("{%% set y %%}%s{%% endset %%}{{ y }}" % self.body(d - 1))
            elif k == 8:
                out.append("{%% filter %s %%}%s{%% endfilter %%}" % (r.choice(["upper", "trim", "title"]), self.body(d - 1)))
            else:
                out.append("{%% macro m(p, q=%s) %%}%s{{ q }}{%% endmacro %%}{{ m(%s) }}" % (self.atom(), self.body(d - 1), self.expr(1)))
        return "".join(out)


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what the model said; only training looks at it."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("inside"), [], [], body).set_lineno(line)

    def inside(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def chat_json(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


NOW = datetime.datetime(2024, 7, 26)


def environment(chat=False):
    if chat:        # transformers/utils/chat_template_utils.py, with the clock stopped
        env = jinja2.sandbox.ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
        env.filters["tojson"] = chat_json
        env.globals["raise_exception"] = raise_exception
        env.globals["strftime_now"] = NOW.strftime
        return env
    env = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    env.filters["regex_replace"] = lambda s, p, r, c=0: re.sub(p, r, s, count=c)
    return env


def hand_cases():
    for line in re.split(r"\n(?=.)", HAND.strip("\n")):
        yield line
    yield HAND[:HAND.index("{{ s.strip() }}")].replace("{{sentence_good}}", "")
    yield "a\r\nb\rc\n{{ s }}\r\n"
    yield "{% for i in l %}\n  {{ i }}\n{% endfor %}\n"
    yield "{{ s }}\n"
    yield "\n\n{{- s -}}\n\nx"
    yield ""


def cases(n, seed):
    for t in hand_cases():
        for doc in DOCS:
            yield t, doc
    rng = random.Random(seed)
    g = Gen(rng)
    env = environment()
    for i in range(n):
        # Most random cases fail somewhere: draw again, so that three in four print something.
        for attempt in range(12 if i % 4 else 1):
            t = "{{ %s }}" % g.expr(rng.randrange(1, 4)) if i % 3 else g.body(2)
            doc = rng.choice(DOCS)
            want = expected(env, t, doc)
            if want and want[0] == "out":
                break
        yield t, doc


warnings.simplefilter("ignore")
UNPORTABLE = re.compile(r"(?i) object at 0x|<bound method|<built-in|<generator|<function|<LoopContext|<Macro|Markup\(|"
                        r"set_iterator|reverseiterator|_iterator")


def timed_out(*_):
    raise TimeoutError


signal.signal(signal.SIGALRM, timed_out)


COMPILED = []            # the last template and its compiled form


def expected(env, t, doc):
    """Output text, None for an error, or False when the case says nothing (addresses, 64-bit limits)."""
    signal.alarm(2)          # Python's big integers can take for ever
    try:
        if COMPILED[:1] != [t]:
            COMPILED[:] = [t, env.from_string(t)]
        out = COMPILED[1].render(**json.loads(json.dumps(doc)))
    except (RecursionError, TimeoutError):
        return False
    except Exception as e:
        return ("error", str(e) if isinstance(e, jinja2.UndefinedError) else "")
    finally:
        signal.alarm(0)
    if env.sandboxed and " object at 0x" not in out:
        return ("out", out)
    if UNPORTABLE.search(out) or re.search(r"\d{19,}", out) or re.search(r"\dj\b", out):
        return False
    return ("out", out)


def chat_files(folder):
    """Every chat template below `folder` with every conversation: name, template, document."""
    if folder == "own":
        yield from chat_own()
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.jinja"), recursive=True)):
        with open(path, encoding="utf-8") as f:
            text = f.read()
        for i, doc in enumerate(chat_cases.CONVERSATIONS):
            yield "%s/%d" % (os.path.basename(path), i), text, doc


def chat_own():
    for i, text in enumerate(chat_cases.TEMPLATES):
        for k, doc in enumerate(chat_cases.CONVERSATIONS):
            yield "%d/%d" % (i, k), text, doc
    for i, text in enumerate(chat_cases.SNIPPETS):
        yield "snippet %d" % i, text, chat_cases.CONVERSATIONS[0]


def tree_strings(folder):
    """The template strings of all YAML files below a folder, each once."""
    import yaml
    loader = type("Loader", (getattr(yaml, "CSafeLoader", yaml.SafeLoader),), {})
    loader.add_constructor("!function", lambda l, n: None)
    seen = {}

    def walk(v):
        for x in v.values() if isinstance(v, dict) else v if isinstance(v, list) else ():
            walk(x)
        if isinstance(v, str) and ("{{" in v or "{%" in v):
            seen[v] = 1

    for path in sorted(glob.glob(os.path.join(folder, "**", "*"), recursive=True)):
        if os.path.isfile(path) and ("yaml" in path or "." not in os.path.basename(path)):
            try:
                with open(path, encoding="utf-8") as f:
                    walk(yaml.load(f, loader))
            except (yaml.YAMLError, UnicodeDecodeError):
                continue
    return list(seen)


def tree_value(r, depth=0):
    """A column's value: what rows of data sets hold."""
    k = r.randrange(9 if depth < 2 else 5)
    if k < 2:
        return r.choice(["Hello World. A b", " it's \"x\" ", "B", "", "日本語 é", "3", "a,b;c", "['x', 'y']"])
    if k < 4:
        return r.choice([0, 1, 2, -1, 3.5, True, False])
    if k == 4:
        return None
    if k < 7:
        return [tree_value(r, depth + 1) for _ in range(r.randrange(1, 5))]
    return {x: tree_value(r, depth + 1) for x in ("text", "label", "en", "answer", "choices", "1")}


def tree_cases(folder, seed):
    """Each string with documents that have the columns it names; four in five print something."""
    env, r = environment(), random.Random(seed)
    for n, text in enumerate(tree_strings(folder)):
        try:
            names = sorted(jinja2.meta.find_undeclared_variables(env.parse(text)))
        except jinja2.TemplateError:
            names = []
        for i in range(5):
            for attempt in range(25 if i else 1):
                doc = {x: tree_value(r) for x in names}
                want = expected(env, text, doc)
                if want and want[0] == "out":
                    break
            yield "string %d" % n, text, doc


def compare(driver, env, named, chat, show):
    """Renders rows (name, template, document) on both sides; the number that differ."""
    rows = []
    for name, t, doc in named:
        want = expected(env, t, doc)
        if want:
            rows.append((name, t, doc, want))
    extra = {"chat": 1, "now": NOW.replace(tzinfo=datetime.timezone.utc).timestamp().__int__()} if chat else {}
    text = "".join(json.dumps({"template": t, "doc": d, **extra}) + "\n" for _, t, d, _ in rows)
    got = subprocess.run([driver], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout.decode()
    bad = errors = 0
    for (name, t, doc, (kind, text)), line in zip(rows, got.split("\n")):
        g = json.loads(line)
        errors += kind == "error"
        if g.get("out") == text if kind == "out" else "error" in g:
            continue
        bad += 1
        if bad <= show:
            print("--- %s: %r\n    want %s: %r\n    got  %r" % (name, t[:300], kind, text, g))
    print("%d templates, %d cases (%d of them errors), %d differ" %
          (len({t for _, t, _, _ in rows}), len(rows), errors, bad))
    return bad


def write_goldens(path, docs, rows):
    """rows: template, document, what jinja2 makes of it.  A line without "t" means the template above."""
    last = None
    with open(path, "w", encoding="utf-8") as f:
        for i, doc in enumerate(docs):
            f.write(json.dumps({"doc": i, "value": doc}, ensure_ascii=False) + "\n")
        for t, doc, (kind, text) in rows:
            row = {"d": docs.index(doc)} if t == last else {"t": t, "d": docs.index(doc)}
            row.update({"out": text} if kind == "out" else {"error": 1})
            last = t
            f.write(json.dumps(row, ensure_ascii=False) + "\n")
    print("%d goldens" % len(rows))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("driver", nargs="?")
    p.add_argument("--n", type=int, default=4000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--write")
    p.add_argument("--write-chat")
    p.add_argument("--chat")
    p.add_argument("--tree")
    p.add_argument("--show", type=int, default=30)
    a = p.parse_args()
    if a.write_chat or a.write:
        env = environment(bool(a.write_chat))
        docs, named = (chat_cases.CONVERSATIONS, chat_own()) if a.write_chat else (DOCS, cases(a.n, a.seed))
        pairs = [x[-2:] for x in named]
        rows = [(t, doc, want) for t, doc in pairs for want in [expected(env, t, doc)] if want]
        write_goldens(a.write_chat or a.write, docs, rows)
        return 0
    named = (chat_files(a.chat) if a.chat else tree_cases(a.tree, a.seed) if a.tree
             else ((repr(t), t, doc) for t, doc in cases(a.n, a.seed)))
    return compare(a.driver, environment(bool(a.chat)), named, bool(a.chat), a.show) > 0


if __name__ == "__main__":
    sys.exit(main())
