/* arithmetic.c - word problems: two-digit sums and differences, and a hard slice of two steps, of
 * three digits and of products.
 *
 * Every elementary step is a combination of its own: a sum that is tested was never a step of a
 * problem that was trained on. */
#include "datasets/mini/mini.h"

#include <stdio.h>

struct problem {
    unsigned person, thing;
    int value;
};

static struct problem begin(struct rng *r, int first, struct mini_doc *d)
{
    unsigned person = mini_pick(r, MINI_PEOPLE), thing = mini_pick(r, MINI_THINGS);
    struct problem p = {person, thing, first};
    MINI_ADD(d->context, "%s has %d %ss.", mini_people[p.person], first, mini_things[p.thing]);
    return p;
}

static const char *pronoun(const struct problem *p)
{
    return mini_is_she(p->person) ? "She" : "He";
}

static void add_key(struct mini_doc *d, int a, char op, int b)
{
    bool turn = op != '-' && a > b;
    MINI_ADD(d->key, "%s%d%c%d", *d->key ? "|" : "", turn ? b : a, op, turn ? a : b);
}

static void get(struct problem *p, int n, struct mini_doc *d)
{
    add_key(d, p->value, '+', n);
    MINI_ADD(d->context, " %s gets %d.", pronoun(p), n);
    p->value += n;
}

static void lose(struct problem *p, int n, struct mini_doc *d)
{
    add_key(d, p->value, '-', n);
    MINI_ADD(d->context, " %s loses %d.", pronoun(p), n);
    p->value -= n;
}

/* Wrong by a unit, a ten or both: what a slip in a digit or a carry gives. */
static void ask_number(struct rng *r, const struct problem *p, struct mini_doc *d)
{
    static const int slips[] = {1, 10, -1, -10, 2, 11, -2, 9};
    char four[4][MINI_ANSWER];
    unsigned order[8], n = 1;
    MINI_ADD(d->context, "\n");
    snprintf(four[0], MINI_ANSWER, "%d", p->value);
    mini_sample(r, 8, 8, order);
    for (unsigned i = 0; i < 8 && n < 4; i++)
        if (p->value + slips[order[i]] >= 0)
            snprintf(four[n++], MINI_ANSWER, "%d", p->value + slips[order[i]]);
    mini_shuffled(r, mini_ask(d, "How many %ss? Answer:", mini_things[p->thing]), four);
}

static int between(struct rng *r, int low, int high)
{
    return low + (int)mini_pick(r, (unsigned)(high - low + 1));
}

/* Sums and differences of numbers from `low` to `high`; nobody loses more than there is. */
static void tell_steps(struct rng *r, int low, int high, bool two, struct mini_doc *d)
{
    int a = between(r, low, high), b = between(r, low, high);
    bool more = two || mini_pick(r, 2);
    struct problem p = begin(r, more || a > b ? a : b, d);
    if (more)
        get(&p, b, d);
    else
        lose(&p, a > b ? b : a, d);
    if (two)
        lose(&p, between(r, low, p.value < high ? p.value : high), d);
    ask_number(r, &p, d);
}

void make_arithmetic(struct rng *r, int n_asks, struct mini_doc *d)
{
    (void)n_asks;
    bool two = d->prose && mini_pick(r, 3) == 0;
    mini_start(d, two ? "two steps" : "one step");
    tell_steps(r, 10, 99, two, d);
}

static void tell_product(struct rng *r, struct mini_doc *d)
{
    int bags = between(r, 2, 9), each = between(r, 12, 99);
    unsigned person = mini_pick(r, MINI_PEOPLE), thing = mini_pick(r, MINI_THINGS);
    struct problem p = {person, thing, bags * each};
    add_key(d, bags, '*', each);
    MINI_ADD(d->context, "%s has %d bags with %d %ss each.", mini_people[p.person], bags, each,
             mini_things[p.thing]);
    ask_number(r, &p, d);
}

void make_arithmetic_hard(struct rng *r, int n_asks, struct mini_doc *d)
{
    (void)n_asks;
    unsigned kind = mini_pick(r, 4);
    mini_start(d, kind == 0 ? "product" : kind == 1 ? "three digits, two steps" : "three digits");
    if (kind == 0)
        tell_product(r, d);
    else
        tell_steps(r, 100, 999, kind == 1, d);
}
