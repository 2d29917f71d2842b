#!/usr/bin/env python3
"""Joins what llama_golden wrote for several pre-tokenizers into tests/golden/bpe-tokens.tsv.

    bpe_golden.py NAME=FILE ...

First line: the names.  Then one line a text, one cell a name: the number of tokens, ':', FNV-1a (32
bits) over the ids as little-endian u32.  With special tokens the ids are those behind <s> (id 0)
unless ' ' and another such pair follow."""
import struct
import sys


def cell(ids):
    h = 0x811C9DC5
    for b in b"".join(struct.pack("<I", i) for i in ids):
        h = (h ^ b) * 0x01000193 & 0xFFFFFFFF
    return "%d:%08x" % (len(ids), h)


def column(path):
    for line in open(path):
        _, plain, special = line.rstrip("\n").split("\t")
        plain, special = ([int(i) for i in s.split()] for s in (plain, special))
        yield cell(plain) + ("" if special == [0] + plain else " " + cell(special))


names, files = zip(*(a.split("=") for a in sys.argv[1:]))
print("\t".join(names))
for row in zip(*map(column, files)):
    print("\t".join(row))
