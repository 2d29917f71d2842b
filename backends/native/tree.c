/* tree.c - sorts paths and walks their distinct prefixes in preorder. */
#include "backends/native/tree.h"
#include "harness/base/err.h"
#include <stdlib.h>

static uint32_t path_len(const struct assay_score_req *r)
{
    return (uint32_t)(r->prefix.n + r->continuation.n - 1);
}

uint32_t tree_len(const struct tree *t, size_t i)
{
    return path_len(t->reqs[t->order[i]]);
}

int32_t tree_token(const struct tree *t, size_t i, uint32_t pos)
{
    const struct assay_score_req *r = t->reqs[t->order[i]];
    return pos < r->prefix.n ? r->prefix.v[pos] : r->continuation.v[pos - r->prefix.n];
}

/* The tokens of a path from `at` on that lie in one array. */
static const int32_t *span(const struct assay_score_req *r, uint32_t at, uint32_t *n)
{
    if (at < r->prefix.n) {
        *n = (uint32_t)r->prefix.n - at;
        return r->prefix.v + at;
    }
    *n = path_len(r) - at;
    return r->continuation.v + (at - r->prefix.n);
}

static uint32_t common(const struct assay_score_req *a, const struct assay_score_req *b)
{
    const uint32_t la = path_len(a), lb = path_len(b), end = la < lb ? la : lb;
    uint32_t at = 0;
    while (at < end) {
        uint32_t na, nb;
        const int32_t *x = span(a, at, &na), *y = span(b, at, &nb);
        const uint32_t n = na < nb ? na : nb;
        uint32_t i = 0;
        if (x == y)
            i = n;
        while (i < n && x[i] == y[i])
            i++;
        at += i;
        if (i < n)
            break;
    }
    return at;
}

/* By path; a prefix stands before what continues it; equal paths by index, so that the order is
 * the same in every run. */
static int compare(const void *pa, const void *pb, void *reqs_)
{
    struct assay_score_req *const *reqs = reqs_;
    const uint32_t ia = *(const uint32_t *)pa, ib = *(const uint32_t *)pb;
    const struct assay_score_req *a = reqs[ia], *b = reqs[ib];
    const uint32_t at = common(a, b), la = path_len(a), lb = path_len(b);
    if (at == la || at == lb)
        return la != lb ? (la < lb ? -1 : 1) : (ia < ib ? -1 : ia > ib);
    uint32_t n;
    return *span(a, at, &n) < *span(b, at, &n) ? -1 : 1;
}

static bool in_order(const struct tree *t)
{
    for (size_t i = 1; i < t->n; i++)
        if (compare(&t->order[i - 1], &t->order[i], (void *)(uintptr_t)t->reqs) > 0)
            return false;
    return true;
}

int tree_init(struct tree *t, struct assay_score_req *const *reqs, size_t n, struct assay_err *err)
{
    *t = (struct tree){.reqs = reqs, .n = n, .first_scored = UINT32_MAX};
    if (n > UINT32_MAX / 2)
        return err_set(err, ASSAY_ELIMIT, "%zu requests in one call, at most %u are possible", n,
                       UINT32_MAX / 2);
    t->order = calloc(n ? n : 1, sizeof *t->order);
    t->shared = calloc(n ? n : 1, sizeof *t->shared);
    if (!t->order || !t->shared) {
        tree_release(t);
        return err_set(err, ASSAY_ENOMEM, "no memory to order %zu requests", n);
    }
    for (size_t i = 0; i < n; i++)
        t->order[i] = (uint32_t)i;
    if (!in_order(t))
        qsort_r(t->order, n, sizeof *t->order, compare, (void *)(uintptr_t)reqs);
    for (size_t i = 0; i < n; i++) {
        const struct assay_score_req *r = reqs[t->order[i]];
        const uint32_t len = path_len(r), first = (uint32_t)r->prefix.n - 1;
        t->shared[i] = i ? common(reqs[t->order[i - 1]], r) : 0;
        t->max_len = len > t->max_len ? len : t->max_len;
        t->first_scored = first < t->first_scored ? first : t->first_scored;
        t->n_tokens += len;
        t->n_nodes += len - t->shared[i];
    }
    return 0;
}

void tree_release(struct tree *t)
{
    free(t->order);
    free(t->shared);
    t->order = t->shared = NULL;
}

bool tree_next(const struct tree *t, struct tree_node *next, struct tree_node *node)
{
    while (next->i < t->n && next->pos >= tree_len(t, next->i))
        if (++next->i < t->n)
            next->pos = t->shared[next->i];
    if (next->i >= t->n)
        return false;
    *node = *next;
    next->pos++;
    return true;
}

bool tree_scored(const struct tree *t, struct tree_node node)
{
    if (node.pos < t->first_scored)
        return false;
    size_t i = node.i;
    do {
        if (node.pos + 1 >= t->reqs[t->order[i]]->prefix.n)
            return true;
    } while (++i < t->n && t->shared[i] > node.pos);
    return false;
}
