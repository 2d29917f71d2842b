#!/usr/bin/env python3
"""Writes tasks/port_known_body.h: digests of the modules that built-in functions were checked against.

    LM_EVAL_DIR=.../lm_eval/tasks python3 port_known.py > tasks/port_known_body.h

Run it with the tree that port_goldens.py was run with.  A module counts when a row of the tables
(tasks/port_*.c) matches its path and finds its piece of text in it."""
import ast
import fnmatch
import glob
import hashlib
import os
import re

ROOT = os.environ["LM_EVAL_DIR"].rstrip("/")
HERE = os.path.dirname(os.path.abspath(__file__))
STRING = r'("(?:[^"\\]|\\.)*")'
ROW = re.compile(r"(?:ROWS|VALUE|RESULTS|AGGREGATE|FILTER|DATA|CLASS)\(|\{PORT_\w+, ")


def rows():
    three = re.compile(STRING + r",\s*" + STRING + r",\s*" + STRING)
    for path in glob.glob(os.path.join(HERE, "../../tasks/port_*.c")):
        text = open(path, encoding="utf-8").read()
        for at in ROW.finditer(text):
            m = three.match(text, at.end())
            if m:
                module, _, evidence = (ast.literal_eval(s) for s in m.groups())
                yield module, evidence


def main():
    table, digests = list(rows()), set()
    for folder, _, files in os.walk(ROOT):
        for name in files:
            path = os.path.join(folder, name)
            if name.endswith(".py"):
                data = open(path, "rb").read()
                text = data.decode("utf-8")
                if any(fnmatch.fnmatchcase(path, module) and evidence in text for module, evidence in table):
                    digests.add(hashlib.sha256(data).hexdigest()[:16])
    print("/* port_known_body.h - digests (the first 8 bytes of SHA-256) of the modules whose functions are built in.")
    print(" * Made by tests/interop/port_known.py; sorted.  From lm_eval 0.4.13. */")
    line = "   "
    for d in sorted(digests):
        if len(line) > 78:
            print(line)
            line = "   "
        line += f" 0x{d},"
    print(line)


main()
