/* mini.c - what the generators share: sides, draws, questions, words. */
#include "datasets/mini/mini.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/buf.h"

/* Weights and packing were set so that each task's share of the answer tokens follows its
 * difficulty: facts need every entity dozens of times, coreference is a double rule. */
const struct mini_task mini_tasks[MINI_N_TASKS] = {
    {"sentiment", make_sentiment, 4, 2, 10, 0, false},
    {"entailment", make_entailment, 3, 3, 12, 0, false},
    {"coreference", make_coreference, 1, 4, 16, 0, false},
    {"qa", make_qa, 4, 1, 20, 0, false},
    {"arithmetic", make_arithmetic, 1, 4, 14, 0, false},
    {"arithmetic_hard", make_arithmetic_hard, 1, 4, 8, 0, false},
    {"to_hindi", make_to_hindi, 1, 3, 6, 0, false},
    {"to_english", make_to_english, 1, 3, 6, 0, false},
    {"recall", make_recall, 6, 1, 14, 0, false},
    {"recall_long", make_recall_long, 1, 1, 0, 240, true},
    {"facts", make_facts, 2, 8, 56, 0, false},
    {"sorting", make_sorting, 1, 4, 6, 0, false},
    {"assistant", make_assistant, 3, 1, 10, 0, false},
    {"health", make_health, 3, 2, 8, 0, false},
    {"school", make_school, 1, 3, 10, 0, false},
};

const char *const mini_people[MINI_PEOPLE] = {"Anna", "Mary", "Sara", "Emma", "Nina", "Lucy",
                                              "Rosa", "Eva",  "Tom",  "Ben",  "Sam",  "Max",
                                              "Leo",  "Paul", "Adam", "Jack"};
const char *const mini_places[MINI_PLACES] = {"kitchen", "garden", "office", "school",
                                              "park",    "hall",   "shop",   "station"};
const char *const mini_things[MINI_THINGS] = {"ball", "book", "key", "cup", "ring", "apple",
                                              "coin", "lamp", "hat", "bag", "pen",  "map"};
const char *const mini_animals[MINI_ANIMALS] = {"cat", "dog",  "cow",  "bee", "bird", "frog",
                                                "hen", "pig",  "bat",  "ant", "ape",  "rat",
                                                "owl", "crab", "seal", "goat"};
const char *const mini_colours[MINI_COLOURS] = {"red",   "blue", "green", "black",
                                                "white", "pink", "grey",  "gold"};

int mini_find(const char *name)
{
    for (int i = 0; i < MINI_N_TASKS; i++)
        if (strcmp(mini_tasks[i].name, name) == 0)
            return i;
    return -1;
}

/* FNV-1a, and a finish that spreads its low bits. */
static uint64_t hash_text(uint64_t h, const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ (unsigned char)s[i]) * UINT64_C(0x100000001b3);
    struct rng r = {h};
    return rng_next(&r);
}

struct rng mini_rng(uint64_t seed, const char *what)
{
    struct rng r = {seed};
    return (struct rng){hash_text(rng_next(&r), what, strlen(what))};
}

bool mini_belongs(const char *key, enum mini_side side)
{
    for (size_t n; *key; key += n + (key[n] == '|')) {
        n = strcspn(key, "|");
        bool train = hash_text(UINT64_C(0xcbf29ce484222325), key, n) % MINI_TEST_SHARE;
        if (train != (side == MINI_TRAIN))
            return false;
    }
    return true;
}

/* A side may take much more of one kind than of another (two steps must both be on it), and so may
 * a label.  The kind is therefore settled first, among draws with the label; then it stays. */
void mini_draw(const struct mini_task *t, struct rng *r, enum mini_side side, int label, int n_asks,
               struct mini_doc *d)
{
    const char *kind = NULL;
    for (int i = 0; i < MINI_TRIES; i++) {
        t->make(r, n_asks, d);
        if ((label >= 0 && d->ask[0].label != label) || (kind && strcmp(kind, d->kind) != 0))
            continue;
        if (mini_belongs(d->key, side))
            return;
        kind = d->kind;
    }
    assert(!"a task that cannot draw a label");
    abort();
}

void mini_text(const struct mini_doc *d, struct buf *text, struct buf *answers)
{
    buf_adds(text, d->context);
    for (int i = 0; i < d->n; i++) {
        buf_adds(text, d->ask[i].prompt);
        size_t start = text->n;
        buf_printf(text, " %s\n", d->ask[i].answer);
        if (answers)
            buf_printf(answers, "%s[%zu,%zu]", answers->n ? "," : "", start, text->n);
    }
}

/* -- for the generators ------------------------------------------------------------------------ */

void mini_sample(struct rng *r, unsigned n, unsigned k, unsigned *out)
{
    unsigned pool[256];
    assert(n <= 256 && k <= n);
    for (unsigned i = 0; i < n; i++)
        pool[i] = i;
    for (unsigned i = 0; i < k; i++) {
        unsigned j = i + mini_pick(r, n - i), t = pool[j];
        pool[j] = pool[i];
        out[i] = pool[i] = t;
    }
}

void mini_sort(unsigned *v, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        for (unsigned j = i; j && v[j - 1] > v[j]; j--) {
            unsigned t = v[j];
            v[j] = v[j - 1];
            v[j - 1] = t;
        }
}

static void add_v(char *text, size_t size, const char *fmt, va_list ap)
{
    size_t n = strlen(text);
    int m = vsnprintf(text + n, size - n, fmt, ap);
    assert(m >= 0 && (size_t)m < size - n);
    (void)m;
}

void mini_add(char *text, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_v(text, size, fmt, ap);
    va_end(ap);
}

void mini_start(struct mini_doc *d, const char *kind)
{
    d->context[0] = d->key[0] = 0;
    d->kind = kind;
    d->n = 0;
}

struct mini_ask *mini_ask(struct mini_doc *d, const char *fmt, ...)
{
    assert(d->n < MINI_ASKS);
    struct mini_ask *q = &d->ask[d->n++];
    q->prompt[0] = q->answer[0] = 0;
    q->n_choices = q->label = 0;
    va_list ap;
    va_start(ap, fmt);
    add_v(q->prompt, sizeof q->prompt, fmt, ap);
    va_end(ap);
    return q;
}

void mini_fixed(struct mini_ask *q, const char *const *choices, int n, int label)
{
    assert(n <= MINI_CHOICES && label >= 0 && label < n);
    q->n_choices = n;
    q->label = label;
    for (int i = 0; i < n; i++) {
        q->choices[i][0] = 0;
        MINI_ADD(q->choices[i], "%s", choices[i]);
    }
    strcpy(q->answer, q->choices[label]);
}

void mini_shuffled(struct rng *r, struct mini_ask *q, char (*four)[MINI_ANSWER])
{
    unsigned at[4];
    const char *placed[4];
    mini_sample(r, 4, 4, at);
    for (unsigned i = 0; i < 4; i++)
        placed[at[i]] = four[i];
    mini_fixed(q, placed, 4, (int)at[0]);
}
