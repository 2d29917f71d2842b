/* ask_score.c - asking for log-likelihoods: tokens, sorting, one array call, checking the
 * numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/run/ask_impl.h"

struct unit { /* one backend request: a pending one, or a window of it */
    struct assay_score_req req;
    struct pending *owner;
    bool is_done;
};
struct call {
    struct batch *batch;
    struct assay_score_req **reqs;
    struct unit **units; /* in the order of reqs */
    size_t n;
};

/* Stands behind every output array: a backend that writes too much is found out. */
static const uint64_t canary = 0x7ff8a55aa55aa55a;

static void *output(struct arena *a, size_t n, size_t size)
{
    char *p = arena_alloc(a, n * size + sizeof canary);
    memset(p, 0xff, n * size); /* NaN, and no truth value */
    memcpy(p + n * size, &canary, sizeof canary);
    return p;
}

static void make_unit(struct unit *u, struct pending *p, const struct encode_pair *x,
                      struct arena *a)
{
    u->owner = p;
    u->req.size = sizeof u->req;
    u->req.prefix = x->prefix;
    u->req.continuation = x->continuation;
    u->req.logprob = output(a, x->continuation.n, sizeof *u->req.logprob);
    u->req.is_argmax = output(a, x->continuation.n, sizeof *u->req.is_argmax);
}

static int encode_request(struct batch *b, struct pending *p, struct assay_err *e)
{
    struct ask *k = b->ask;
    const struct task_request *r = p->req;
    struct encode_text context = {r->context, r->context_n};
    struct encode_text continuation = {r->continuation, r->continuation_n};
    struct encode_pair pair, *w = &pair;
    size_t n = 1;
    if (r->kind == TASK_REQ_ROLLING)
        TRY(encode_rolling(&k->encode, continuation, b->arena, &w, &n, e));
    else
        TRY(encode_pair(&k->encode, context, continuation, b->arena, &pair, e));
    if (r->kind != TASK_REQ_ROLLING && pair.continuation.n == 0)
        n = 0;
    p->windows = ARENA_ARRAY(b->arena, struct unit, n + 1);
    p->n_windows = p->n_left = n;
    bool is_cut = false;
    p->response.n_prompt = n ? (int64_t)w[0].prefix.n : 0;
    for (size_t i = 0; i < n; i++) {
        make_unit(&p->windows[i], p, &w[i], b->arena);
        p->response.n_tokens += (int64_t)w[i].continuation.n;
        k->stats.n_tokens += w[i].prefix.n + w[i].continuation.n;
        is_cut |= w[i].is_cut;
    }
    p->response.is_cut = is_cut;
    k->stats.n_cut += is_cut;
    k->stats.n_empty += n == 0;
    return 0;
}

/* -- order ------------------------------------------------------------------------------------- */

static int compare_tokens(const struct assay_tokens *x, const struct assay_tokens *y)
{
    size_t n = x->n < y->n ? x->n : y->n;
    for (size_t i = 0; i < n; i++)
        if (x->v[i] != y->v[i])
            return x->v[i] < y->v[i] ? -1 : 1;
    return x->n == y->n ? 0 : x->n < y->n ? -1 : 1;
}

static int by_tokens(const void *x, const void *y)
{
    const struct unit *p = *(struct unit *const *)x, *q = *(struct unit *const *)y;
    int c = p->req.prefix.v == q->req.prefix.v && p->req.prefix.n == q->req.prefix.n
                ? 0
                : compare_tokens(&p->req.prefix, &q->req.prefix);
    return c ? c : compare_tokens(&p->req.continuation, &q->req.continuation);
}

/* -- answers ----------------------------------------------------------------------------------- */

static int check_unit(struct batch *b, const struct unit *u)
{
    const char *name = b->ask->engine->plugin->name;
    size_t n = u->req.continuation.n;
    if (memcmp(u->req.logprob + n, &canary, sizeof canary) != 0 ||
        memcmp(u->req.is_argmax + n, &canary, sizeof canary) != 0)
        return err_set(b->e, ASSAY_EFORMAT,
                       "backend '%s' wrote more than the %zu numbers asked for", name, n);
    for (size_t i = 0; i < n; i++) {
        if (isnan(u->req.logprob[i]))
            return err_set(b->e, ASSAY_EFORMAT, "backend '%s' gave no number for token %zu of %zu",
                           name, i + 1, n);
        if (u->req.logprob[i] > 1e-3)
            return err_set(b->e, ASSAY_EFORMAT,
                           "backend '%s' gave %g for token %zu of %zu, no log-probability", name,
                           u->req.logprob[i], i + 1, n);
        if (u->req.is_argmax[i] > 1)
            return err_set(b->e, ASSAY_EFORMAT,
                           "backend '%s' did not say whether token %zu of %zu was the argmax", name,
                           i + 1, n);
    }
    return 0;
}

static void sum_up(struct pending *p)
{
    double sum = 0;
    bool is_greedy = true;
    for (size_t w = 0; w < p->n_windows; w++) {
        const struct assay_score_req *r = &p->windows[w].req;
        for (size_t i = 0; i < r->continuation.n; i++) {
            sum += r->logprob[i];
            is_greedy = is_greedy && r->is_argmax[i];
        }
    }
    p->response.logprob = sum;
    p->response.is_greedy = is_greedy;
}

static int on_done(void *user, size_t i)
{
    struct call *c = user;
    struct batch *b = c->batch;
    if (i >= c->n || c->units[i]->is_done) {
        b->rc = err_set(b->e, ASSAY_EFORMAT, "backend '%s' reports request %zu of %zu as done%s",
                        b->ask->engine->plugin->name, i, c->n, i < c->n ? " twice" : "");
        return 1;
    }
    struct unit *u = c->units[i];
    u->is_done = true;
    b->rc = check_unit(b, u);
    if (b->rc < 0)
        return 1;
    if (--u->owner->n_left == 0) {
        sum_up(u->owner);
        batch_done(b, u->owner);
    }
    return batch_life(b);
}

static int collect(struct batch *b, struct call *c, struct assay_err *e)
{
    for (size_t i = 0; i < b->n; i++) {
        TRY(encode_request(b, &b->pending[i], e));
        c->n += b->pending[i].n_windows;
    }
    c->units = ARENA_ARRAY(b->arena, struct unit *, c->n + 1);
    c->reqs = ARENA_ARRAY(b->arena, struct assay_score_req *, c->n + 1);
    size_t k = 0;
    for (size_t i = 0; i < b->n; i++) {
        for (size_t w = 0; w < b->pending[i].n_windows; w++)
            c->units[k++] = &b->pending[i].windows[w];
        if (!b->pending[i].n_windows) { /* nothing to score: certain, and greedy */
            sum_up(&b->pending[i]);
            batch_done(b, &b->pending[i]);
        }
    }
    qsort(c->units, c->n, sizeof *c->units, by_tokens);
    for (size_t i = 0; i < c->n; i++)
        c->reqs[i] = &c->units[i]->req;
    return 0;
}

int ask_score(struct batch *b, struct assay_err *e)
{
    struct ask *k = b->ask;
    struct call c = {.batch = b};
    struct assay_err said = {0};
    TRY(engine_needs(k->engine, ASSAY_CAN_SCORE, e));
    TRY(collect(b, &c, e));
    if (k->tick)
        k->tick(k->user, true, 0, b->n);
    int64_t wall = clock_ns(), cpu = clock_cpu_ns();
    int rc =
        c.n ? k->engine->plugin->api.score(k->engine->model, c.reqs, c.n, on_done, &c, &said) : 0;
    k->stats.wall_ns += clock_ns() - wall - b->callback_ns;
    k->stats.cpu_ns += clock_cpu_ns() - cpu;
    said.msg[sizeof said.msg - 1] = 0;
    return batch_end(b, rc, &said, e);
}
