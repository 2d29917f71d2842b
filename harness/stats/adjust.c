/* adjust.c - Holm (1979) and Benjamini-Hochberg (1995). */
#include "harness/stats/adjust.h"

#include <math.h>
#include <stdlib.h>
#include "harness/base/arena.h"

struct ranked {
    double p;
    size_t at;
};

static int by_p(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->p != y->p)
        return x->p < y->p ? -1 : 1;
    return x->at < y->at ? -1 : x->at > y->at;
}

/* Sorted copies of the entries that are tests; NaN is passed on to out. */
static size_t rank(const double *p, size_t n, struct ranked *r, double *out)
{
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(p[i]))
            out[i] = NAN;
        else
            r[m++] = (struct ranked){p[i], i};
    }
    qsort(r, m, sizeof *r, by_p);
    return m;
}

void adjust_holm(const double *p, size_t n, double *out)
{
    struct arena a = {0};
    struct ranked *r = ARENA_ARRAY(&a, struct ranked, n + 1);
    size_t m = rank(p, n, r, out);
    double worst = 0;
    for (size_t i = 0; i < m; i++) {
        double q = r[i].p * (double)(m - i);
        worst = q > worst ? q : worst;
        out[r[i].at] = worst < 1 ? worst : 1;
    }
    arena_release(&a);
}

void adjust_bh(const double *p, size_t n, double *out)
{
    struct arena a = {0};
    struct ranked *r = ARENA_ARRAY(&a, struct ranked, n + 1);
    size_t m = rank(p, n, r, out);
    double best = 1;
    for (size_t i = m; i-- > 0;) {
        double q = r[i].p * (double)m / (double)(i + 1);
        best = q < best ? q : best;
        out[r[i].at] = best;
    }
    arena_release(&a);
}
