/* school.c - a quiz with four lettered choices: the largest and the smallest number, the even one,
 * the next of a row, the word that is an animal, a colour or a place.  Exactly one choice is
 * right. */
#include "datasets/mini/mini.h"

#include <stdio.h>
#include <string.h>

enum { SORTS = 4, ASKED_SORTS = 3 };
enum { LARGEST, SMALLEST, EVEN, NEXT, WORD, N_KINDS };
static const char *const letters[] = {"A", "B", "C", "D"};
static const char *const kinds[N_KINDS] = {"largest", "smallest", "even", "next", "word"};

/* Four different numbers of two digits; the first is the answer. */
static void draw_numbers(struct rng *r, unsigned kind, unsigned v[4])
{
    mini_sample(r, 90, 4, v);
    for (unsigned i = 0; i < 4; i++)
        v[i] += 10;
    if (kind == EVEN) {
        v[0] &= ~1U;
        for (unsigned i = 1; i < 4; i++)
            v[i] |= 1U;
        return;
    }
    for (unsigned i = 1; i < 4; i++)
        if (kind == LARGEST ? v[i] > v[0] : v[i] < v[0]) {
            unsigned t = v[i];
            v[i] = v[0];
            v[0] = t;
        }
}

/* Also in what is compared: tens for the largest and the smallest. */
static bool all_differ(unsigned kind, const unsigned v[4])
{
    unsigned unit = kind == EVEN ? 1 : 10;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned j = 0; j < i; j++)
            if (v[i] / unit == v[j] / unit)
                return false;
    return true;
}

/* The combination does not depend on the order of the choices. */
static void add_number_key(struct mini_doc *d, const unsigned v[4])
{
    unsigned s[4];
    memcpy(s, v, sizeof s);
    mini_sort(s, 4);
    MINI_ADD(d->key, "%u,%u,%u,%u", s[0], s[1], s[2], s[3]);
}

static void make_numbers(struct rng *r, unsigned kind, struct mini_doc *d,
                         char (*four)[MINI_ANSWER])
{
    unsigned v[4];
    do
        draw_numbers(r, kind, v);
    while (!all_differ(kind, v));
    MINI_ADD(d->context, "Which number is %s%s?\n", kind == EVEN ? "" : "the ", kinds[kind]);
    add_number_key(d, v);
    for (unsigned i = 0; i < 4; i++)
        snprintf(four[i], MINI_ANSWER, "%u", v[i]);
}

static void make_next(struct rng *r, struct mini_doc *d, char (*four)[MINI_ANSWER])
{
    unsigned start = 10 + mini_pick(r, 50), step = 2 + mini_pick(r, 8), right = start + 3 * step;
    static const int slips[] = {-3, -2, -1, 1, 2, 3};
    unsigned order[6];
    MINI_ADD(d->context, "What comes next: %u, %u, %u?\n", start, start + step, start + 2 * step);
    MINI_ADD(d->key, "%u by %u", start, step);
    mini_sample(r, 6, 3, order);
    snprintf(four[0], MINI_ANSWER, "%u", right);
    for (unsigned i = 0; i < 3; i++)
        snprintf(four[i + 1], MINI_ANSWER, "%d", (int)right + slips[order[i]]);
}

static void make_word(struct rng *r, struct mini_doc *d, char (*four)[MINI_ANSWER])
{
    static const struct {
        const char *name;
        const char *const *words;
        unsigned n;
    } sorts[SORTS] = {{"an animal", mini_animals, MINI_ANIMALS},
                      {"a colour", mini_colours, MINI_COLOURS},
                      {"a place", mini_places, MINI_PLACES},
                      {"", mini_things, MINI_THINGS}};
    unsigned asked = mini_pick(r, ASKED_SORTS), order[16];
    MINI_ADD(d->context, "Which is %s?\n", sorts[asked].name);
    snprintf(four[0], MINI_ANSWER, "%s", sorts[asked].words[mini_pick(r, sorts[asked].n)]);
    for (unsigned i = 1; i < SORTS; i++) {
        unsigned other = (asked + i) % SORTS;
        mini_sample(r, sorts[other].n, 1, order);
        snprintf(four[i], MINI_ANSWER, "%s", sorts[other].words[order[0]]);
    }
    /* By sort, whichever is asked for. */
    for (unsigned i = 0; i < SORTS; i++)
        MINI_ADD(d->key, "%s,", four[(i + SORTS - asked) % SORTS]);
}

void make_school(struct rng *r, int n_asks, struct mini_doc *d)
{
    (void)n_asks;
    char four[4][MINI_ANSWER];
    unsigned kind = mini_pick(r, N_KINDS);
    mini_start(d, kinds[kind]);
    if (kind == NEXT)
        make_next(r, d, four);
    else if (kind == WORD)
        make_word(r, d, four);
    else
        make_numbers(r, kind, d, four);
    struct mini_ask *q = mini_ask(d, "%s", "");
    mini_shuffled(r, q, four);
    int label = q->label;
    for (int i = 0; i < 4; i++)
        MINI_ADD(q->prompt, "%s %s%s", letters[i], q->choices[i], i < 3 ? ", " : ". Answer:");
    mini_fixed(q, letters, 4, label);
}
