/* sorting.c - five to eight digits in ascending order.  The digits, in any order, are the
 * combination: no multiset of digits is in training and test. */
#include "datasets/mini/mini.h"

#include <string.h>

enum { MIN_DIGITS = 5, MAX_DIGITS = 8, MIN_DIFFERENT = 4 };

static unsigned different(const unsigned *sorted, unsigned n)
{
    unsigned k = 1;
    for (unsigned i = 1; i < n; i++)
        k += sorted[i] != sorted[i - 1];
    return k;
}

static void spell(const unsigned *digits, unsigned n, char *out)
{
    for (unsigned i = 0; i < n; i++)
        out[i] = (char)('0' + digits[i]);
    out[n] = 0;
}

/* The sorted digits (the first of the four) with two neighbours changed over, at three drawn
 * places. */
static void add_wrong(struct rng *r, char (*four)[MINI_ANSWER])
{
    const char *right = four[0];
    unsigned n = (unsigned)strlen(right), order[MAX_DIGITS - 1], k = 1;
    mini_sample(r, n - 1, n - 1, order);
    for (unsigned i = 0; k < 4; i++) {
        unsigned at = order[i];
        if (right[at] == right[at + 1])
            continue;
        memcpy(four[k], right, n + 1);
        four[k][at] = right[at + 1];
        four[k++][at + 1] = right[at];
    }
}

void make_sorting(struct rng *r, int n_asks, struct mini_doc *d)
{
    static const char *const kinds[] = {"5 digits", "6 digits", "7 digits", "8 digits"};
    (void)n_asks;
    unsigned n = MIN_DIGITS + mini_pick(r, MAX_DIGITS - MIN_DIGITS + 1);
    unsigned given[MAX_DIGITS], sorted[MAX_DIGITS];
    do {
        for (unsigned i = 0; i < n; i++)
            given[i] = mini_pick(r, 10);
        memcpy(sorted, given, n * sizeof *given);
        mini_sort(sorted, n);
    } while (different(sorted, n) < MIN_DIFFERENT);
    char text[MAX_DIGITS + 1], four[4][MINI_ANSWER];
    spell(given, n, text);
    spell(sorted, n, four[0]);
    mini_start(d, kinds[n - MIN_DIGITS]);
    MINI_ADD(d->key, "%s", four[0]);
    add_wrong(r, four);
    mini_shuffled(r, mini_ask(d, "Sort %s. Answer:", text), four);
}
