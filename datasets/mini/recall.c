/* recall.c - lists of pairs, and what stands beside a word.
 *
 * No word occurs twice on the left, so there is one answer.  Some lists are scattered among
 * sentences that say nothing about them; the long variant is only that, four to sixteen times as
 * long as anything in training. */
#include "datasets/mini/mini.h"

#include <stdio.h>

enum {
    N_KEYS = MINI_ANIMALS + MINI_COLOURS,
    MIN_PAIRS = 2,
    MAX_PAIRS = 20,
    LONG_PAIRS = 16,
    LONG_STEP = 32
};
struct list {
    unsigned n, key[MAX_PAIRS], value[MAX_PAIRS];
};

static const char *key_name(unsigned key)
{
    return key < MINI_ANIMALS ? mini_animals[key] : mini_colours[key - MINI_ANIMALS];
}

static struct list draw_list(struct rng *r, unsigned n, struct mini_doc *d)
{
    struct list l = {.n = n};
    mini_sample(r, N_KEYS, n, l.key);
    for (unsigned i = 0; i < n; i++)
        l.value[i] = mini_pick(r, MINI_THINGS);
    for (unsigned i = 0; i < 2; i++)
        MINI_ADD(d->key, "%s %s,", key_name(l.key[i]), mini_things[l.value[i]]);
    return l;
}

/* The right value, then others: first those of the list, so that copying any of them is not
 * enough. */
static void ask_pair(struct rng *r, const struct list *l, unsigned at, struct mini_doc *d)
{
    char four[4][MINI_ANSWER];
    unsigned order[MAX_PAIRS], any[MINI_THINGS], n = 1, used = 1U << l->value[at];
    mini_sample(r, l->n, l->n, order);
    mini_sample(r, MINI_THINGS, MINI_THINGS, any);
    snprintf(four[0], MINI_ANSWER, "%s", mini_things[l->value[at]]);
    for (unsigned i = 0; i < l->n + MINI_THINGS && n < 4; i++) {
        unsigned v = i < l->n ? l->value[order[i]] : any[i - l->n];
        if (used >> v & 1)
            continue;
        used |= 1U << v;
        snprintf(four[n++], MINI_ANSWER, "%s", mini_things[v]);
    }
    mini_shuffled(r, mini_ask(d, "%s%s", key_name(l->key[at]), d->prose ? "? Answer:" : ""), four);
}

static void ask_pairs(struct rng *r, const struct list *l, int n_asks, struct mini_doc *d)
{
    unsigned order[MAX_PAIRS];
    mini_sample(r, l->n, l->n, order);
    for (unsigned i = 0; i < l->n && d->n < n_asks; i++)
        ask_pair(r, l, order[i], d);
}

static void tell_plain(const struct list *l, struct mini_doc *d)
{
    for (unsigned i = 0; i < l->n; i++)
        MINI_ADD(d->context, "%s %s%s", key_name(l->key[i]), mini_things[l->value[i]],
                 !d->prose ? "\n" : i + 1 < l->n ? ", " : ".\n");
}

/* The pairs at drawn places among `filler` sentences, in order. */
static void tell_scattered(struct rng *r, const struct list *l, unsigned filler, struct mini_doc *d)
{
    unsigned left = filler;
    for (unsigned i = 0; left || i < l->n;) {
        unsigned pairs = l->n - i;
        if (mini_pick(r, left + pairs) < pairs) {
            MINI_ADD(d->context, "%s %s%s", key_name(l->key[i]), mini_things[l->value[i]],
                     d->prose ? "." : "");
            i++;
        } else {
            unsigned who = mini_pick(r, MINI_PEOPLE), place = mini_pick(r, MINI_PLACES);
            MINI_ADD(d->context, "%s went to the %s.", mini_people[who], mini_places[place]);
            left--;
        }
        MINI_ADD(d->context, d->prose && (left || i < l->n) ? " " : "\n");
    }
}

void make_recall(struct rng *r, int n_asks, struct mini_doc *d)
{
    bool scattered = mini_pick(r, 4) == 0;
    unsigned n = MIN_PAIRS + mini_pick(r, scattered ? 9 : MAX_PAIRS - MIN_PAIRS + 1);
    mini_start(d, scattered ? "scattered" : n < 8 ? "2 to 7" : n < 14 ? "8 to 13" : "14 to 20");
    struct list l = draw_list(r, n, d);
    if (scattered)
        tell_scattered(r, &l, 4 + mini_pick(r, 9), d);
    else
        tell_plain(&l, d);
    if (!d->prose)
        MINI_ADD(d->context, "What goes with what?\n");
    ask_pairs(r, &l, n_asks, d);
}

void make_recall_long(struct rng *r, int n_asks, struct mini_doc *d)
{
    static const char *const kinds[] = {"quarter", "half", "three quarters", "whole"};
    unsigned length = mini_pick(r, 4);
    mini_start(d, kinds[length]);
    struct list l = draw_list(r, LONG_PAIRS, d);
    tell_scattered(r, &l, LONG_STEP * (length + 1), d);
    MINI_ADD(d->context, "What goes with what?\n");
    ask_pairs(r, &l, n_asks, d);
}
