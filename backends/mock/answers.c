/* answers.c - checksums of requests, and what they answer. */
#include "backends/mock/answers.h"
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "backends/backend.h"

static uint64_t mix(uint64_t x) /* SplitMix64's finalizer */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

uint32_t answers_sum(const int32_t *tokens, size_t n)
{
    uint32_t sum = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        if (tokens[i] > 255) /* begin of text */
            continue;
        sum ^= (uint32_t)tokens[i];
        for (int k = 0; k < 8; k++)
            sum = sum >> 1 ^ (0xedb88320 & -(sum & 1));
    }
    return ~sum;
}

void answers_score(const struct assay_score_req *r)
{
    uint64_t x = mix((uint64_t)answers_sum(r->prefix.v, r->prefix.n) << 32 |
                     answers_sum(r->continuation.v, r->continuation.n));
    double logprob = -64 * ((double)(mix(x + 1) >> 11) * 0x1p-53);
    if ((x >> 8 & 3) == 0) /* one in four comes in coarse steps: choices tie */
        logprob = -16 * (1 + floor(-logprob / 16));
    for (size_t i = 0; i < r->continuation.n; i++) {
        r->logprob[i] = i ? 0 : logprob;
        if (r->is_argmax)
            r->is_argmax[i] = (x & 3) == 0;
    }
}

/* -- text -------------------------------------------------------------------------------------- */

struct text {
    char *v;
    size_t n;
};

static void add(struct text *t, const char *s, size_t n)
{
    if (n > ANSWERS_TEXT - t->n)
        n = ANSWERS_TEXT - t->n;
    memcpy(t->v + t->n, s, n);
    t->n += n;
}

static int is_word(int32_t token)
{
    return token != ' ' && token != '\n' && token < 256;
}

static size_t count_words(const struct assay_tokens *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n; i++)
        n += is_word(p->v[i]) && !(i && is_word(p->v[i - 1]));
    return n;
}

/* Words first .. first + n - 1 of the prompt, as far as there are, with a space between. */
static void add_words(struct text *t, const struct assay_tokens *p, size_t first, size_t n)
{
    size_t word = 0, added = 0;
    for (size_t i = 0; i < p->n && added < n;) {
        size_t k = i;
        while (k < p->n && is_word(p->v[k]))
            k++;
        if (k > i && word++ >= first) {
            if (added++)
                add(t, " ", 1);
            for (; i < k; i++)
                add(t, (const char[]){(char)p->v[i]}, 1);
        }
        i = k > i ? k : i + 1;
    }
}

static void add_form(struct text *t, const struct assay_tokens *p, uint64_t x)
{
    static const char *const words[] = {"yes", "No", "True", "false", "Positive.", "neutral", "entailment", "B"};
    char some[32];
    int number = (int)(x >> 16 & 0xffff) % 10, letter = 'A' + number / 2;
    size_t n = count_words(p), first = n ? (size_t)(x >> 20) % n : 0;
    switch (x & 7) {
    case 0:
        add_words(t, p, first, 1 + (x >> 60));
        break;
    case 1:
        add(t, some, (size_t)snprintf(some, sizeof some, "The answer is %d.", number));
        break;
    case 2:
        add(t, some, (size_t)snprintf(some, sizeof some, "so\n#### %d", number));
        break;
    case 3:
        add(t, some, (size_t)snprintf(some, sizeof some, "answer: (%c)", letter));
        break;
    case 4:
        add(t, words[x >> 13 & 7], strlen(words[x >> 13 & 7]));
        break;
    case 5:
        add(t, " ", 1);
        add_words(t, p, first, 1);
        add(t, "\n\nQ: and then</s>", 17);
        break;
    case 6:
        break;
    default:
        add_words(t, p, first, 40);
    }
}

size_t answers_text(const struct assay_generate_req *r, uint32_t repeat, char out[ANSWERS_TEXT])
{
    struct text t = {.v = out};
    add_form(&t, &r->prompt, mix((uint64_t)answers_sum(r->prompt.v, r->prompt.n) << 32 | repeat));
    if (t.n > r->max_tokens || t.n == ANSWERS_TEXT) { /* never in the middle of a character */
        t.n = t.n > r->max_tokens ? r->max_tokens : t.n - 1;
        while (t.n && (t.v[t.n] & 0xc0) == 0x80)
            t.n--;
    }
    return t.n;
}
