/* clusters.c - which pairs belong together; see the header. */
#include "reports/clusters.h"

#include <math.h>
#include <stdlib.h>
#include "harness/base/arena.h"
#include "reports/fmt.h"

enum { LEAST = 10, MOST_SHARE = 5, NAMED = 3 };

struct place { /* of a pair: its cluster's key, and where it stood */
    int64_t key;
    size_t at;
    bool is_alone; /* the store says nothing of it */
};

static int by_key(const void *x, const void *y)
{
    const struct place *p = x, *q = y;
    if (p->is_alone != q->is_alone)
        return p->is_alone - q->is_alone;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    return (p->at > q->at) - (p->at < q->at);
}

static void find_places(const struct view_clusters *c, const int32_t *idx, size_t n,
                        struct place *out)
{
    for (size_t i = 0, j = 0; i < n; i++) {
        while (j < c->n && c->idx[j] < idx[i])
            j++;
        bool is_there = j < c->n && c->idx[j] == idx[i];
        out[i] = (struct place){is_there ? c->key[j] : 0, i, !is_there};
    }
    qsort(out, n, sizeof *out, by_key);
}

/* Ids of the places in order: how many, and the size of the largest. */
static size_t number(const struct place *v, size_t n, int32_t *id, size_t *largest)
{
    size_t n_ids = 0, size = 0;
    *largest = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_new = i == 0 || v[i].is_alone || v[i].key != v[i - 1].key;
        n_ids += is_new;
        size = is_new ? 1 : size + 1;
        *largest = size > *largest ? size : *largest;
        id[i] = (int32_t)n_ids;
    }
    return n_ids;
}

static const double *reordered(const double *v, const struct place *order, size_t n,
                               struct arena *a)
{
    double *out = v ? ARENA_ARRAY(a, double, n) : NULL;
    for (size_t i = 0; i < n && v; i++)
        out[i] = v[order[i].at];
    return out;
}

void clusters_set(const struct view_clusters *c, const int32_t *idx, struct arena *a,
                  struct cell_pairs *p)
{
    struct place *v = ARENA_ARRAY(a, struct place, p->n + 1);
    int32_t *id = ARENA_ARRAY(a, int32_t, p->n + 1);
    size_t largest;
    find_places(c, idx, p->n, v);
    size_t n = number(v, p->n, id, &largest);
    if (n == p->n || n < LEAST || largest > p->n / MOST_SHARE)
        return;
    p->base = reordered(p->base, v, p->n, a);
    p->variant = reordered(p->variant, v, p->n, a);
    p->weight = reordered(p->weight, v, p->n, a);
    p->cluster = id;
    p->n_clusters = n;
}

static const double SEEN = 1.05;

/* The cell of a task with the most clusters; NULL: it has none worth a word. */
static const struct compare_cell *widest(const struct compare *c, size_t task, double *most)
{
    const struct compare_cell *best = NULL;
    double deff = 1;
    for (size_t i = 0; i < c->n_rows; i++) {
        const struct compare_cell *x = &c->rows[i].tasks[task];
        if (x->kind == COMPARE_NONE || !x->n_clusters)
            continue;
        deff = fmax(deff, x->deff);
        best = best && best->n_clusters >= x->n_clusters ? best : x;
    }
    *most = fmax(*most, deff);
    return best && (deff >= SEEN || SEEN * (double)best->n_clusters <= (double)best->n) ? best : NULL;
}

const char *clusters_note(const struct compare *c, struct arena *a)
{
    const char *text = "";
    size_t n = 0;
    double deff = 1;
    for (size_t t = 0; t < c->n_tasks; t++) {
        const struct compare_cell *x = widest(c, t, &deff);
        if (x && n++ < NAMED)
            text = arena_printf(a, "%s%s'%s' has %s items about %s", text, n > 1 ? ", " : "",
                                c->tasks[t].name, fmt_count((int64_t)x->n).s,
                                fmt_things(x->n_clusters, "text").s);
    }
    if (n > NAMED)
        text = arena_printf(a, "%s, and so have %s", text, fmt_things(n - NAMED, "more task").s);
    if (n == 0)
        return NULL;
    text = arena_printf(a, "%s: what is about one text is no independent evidence", text);
    return deff < SEEN ? text
                       : arena_printf(a, "%s, which makes variances up to %s times as large", text,
                                      fmt_short(deff, 2).s);
}
