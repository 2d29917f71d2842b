#!/usr/bin/env python3
"""1,000 strings for the reference model's tokenizer, or 400 whole documents of its tasks to score;
the prompts of what `assay export lm-eval` wrote, and what was answered.

    ref_strings.py tokens|nll FOLDER_OF_ROWS
    ref_strings.py prompts|answers FOLDER_OF_SAMPLES     prompt; task TAB document TAB answer

One a line, non-ASCII and control bytes as \\xNN, as llama_golden reads them.
"""
import json
import random
import sys
from pathlib import Path

TASKS = ["sentiment", "entailment", "coreference", "qa", "arithmetic", "arithmetic_hard", "to_hindi",
         "to_english", "recall", "facts", "sorting", "assistant", "health", "school"]


def escaped(text):
    return "".join(chr(b) if 32 <= b < 127 and b != 92 else f"\\x{b:02x}" for b in text.encode())


def documents(folder, n):
    rows = []
    for task in TASKS:
        for line in (Path(folder) / f"{task}.jsonl").read_text().splitlines()[:n]:
            row = json.loads(line)
            rows.append(f"{row['context']}{row['question']} {row['answer']}\n")
    return rows


def odd(rng):
    """Strings that no generator writes: cuts of documents, digits, other scripts, marks, blanks."""
    pieces = ["", " ", "  ", "\n", "\n\n", "\t", "12", "3.14", "don't", "I'll", "WE'RE", "नमस्ते", "क्षि", "日本語", "🙂🙂",
              "e\u0301", "é", "A1b2", "----", "...", "x", "The", " the", "\u00a0", "\u200d", "</s>", "<s>", "'s", "''",
              "1,000,000", "घर में", "में", "Ω", "\r\n", "\x00", "_", "#", "0"]
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(0, 12)))


def samples(folder):
    """Task, document, prompt and answer of every sample, in order."""
    rows = []
    for path in Path(folder).rglob("samples_*.jsonl"):
        task = path.name.removeprefix("samples_").rsplit("_", 1)[0]
        for line in path.read_text().splitlines():
            row = json.loads(line)
            rows.append((task, row["doc_id"], row["arguments"]["gen_args_0"]["arg_0"], row["resps"][0][0]))
    return sorted(rows)


def main():
    what, folder = sys.argv[1:]
    rng = random.Random(1)
    if what in ("prompts", "answers"):
        for task, doc, prompt, answer in samples(folder):
            print(escaped(prompt) if what == "prompts" else f"{task}\t{doc}\t{escaped(answer)}")
        return
    if what == "nll":
        rows = documents(folder, 29)[:400]
    else:
        rows = documents(folder, 40)
        rows += [row[rng.randrange(len(row)):] for row in rows[:200]]
        rows = rows[:640] + [odd(rng) for _ in range(360)]
    for row in rows:
        print(escaped(row))


main()
