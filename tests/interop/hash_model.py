"""A model for lm-evaluation-harness whose answers are a checksum of the request.

The same answers as `assay run --backend mock --option answers=hash` (backends/mock/answers.c): whoever renders
the same requests gets the same scores.
"""

import zlib

from lm_eval.api.model import LM

MASK = (1 << 64) - 1
WORDS = ["yes", "No", "True", "false", "Positive.", "neutral", "entailment", "B"]


def mix(x):
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def loglikelihood(context, continuation):
    """Whitespace at the end of a context belongs to the continuation, as in TemplateLM._encode_pair."""
    spaces = len(context) - len(context.rstrip())
    if spaces:
        context, continuation = context[:-spaces], context[-spaces:] + continuation
    if not continuation:
        return 0.0, True
    x = mix(zlib.crc32(context.encode()) << 32 | zlib.crc32(continuation.encode()))
    logprob = -64 * ((mix((x + 1) & MASK) >> 11) * 2.0**-53)
    if (x >> 8) & 3 == 0:
        logprob = -16 * (1 + float(-logprob // 16))
    return logprob, x & 3 == 0


def answer(prompt, repeat, limit):
    data = prompt.encode()
    x = mix(zlib.crc32(data) << 32 | repeat)
    words = [w for w in data.replace(b"\n", b" ").split(b" ") if w]
    first = (x >> 20) % len(words) if words else 0
    number = ((x >> 16) & 0xFFFF) % 10
    kind = x & 7
    if kind == 0:
        text = b" ".join(words[first : first + 1 + (x >> 60)])
    elif kind == 1:
        text = b"The answer is %d." % number
    elif kind == 2:
        text = b"so\n#### %d" % number
    elif kind == 3:
        text = b"answer: (%c)" % (65 + number // 2)
    elif kind == 4:
        text = WORDS[(x >> 13) & 7].encode()
    elif kind == 5:
        text = b" " + b"".join(words[first : first + 1]) + b"\n\nQ: and then</s>"
    elif kind == 6:
        text = b""
    else:
        text = b" ".join(words[first : first + 40])
    limit = min(limit, 16383)
    if len(text) > limit:
        while limit and text[limit] & 0xC0 == 0x80:
            limit -= 1
        text = text[:limit]
    return text.decode()


class HashModel(LM):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def loglikelihood(self, requests, **_):
        return [loglikelihood(*r.args) for r in requests]

    def loglikelihood_rolling(self, requests, **_):
        return [loglikelihood("", r.args[0])[0] if r.args[0] else 0.0 for r in requests]

    def generate_until(self, requests, **_):
        out = []
        last, repeat = None, 0
        for r in requests:
            prompt, kwargs = r.args
            repeat = repeat + 1 if r is last else 0
            last = r
            limit = 256
            for key in ("max_completion_tokens", "max_tokens", "max_new_tokens", "max_gen_toks"):
                limit = kwargs.get(key, limit)
            text = answer(prompt, repeat, limit)
            until = kwargs.get("until") or []
            for stop in [until] if isinstance(until, str) else until:
                if stop:
                    text = text.split(stop)[0]
            out.append(text)
        return out
