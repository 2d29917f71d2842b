/* forward_score.c - log probabilities of continuations, every distinct prefix token evaluated once.
 *
 * The tree of requests is walked in preorder by one sequence of the KV cache: steps are always
 * full, whatever the branching, and the cache never holds more than one path.  Logits are made,
 * reduced and forgotten a tile of rows at a time, only after tokens that someone's continuation
 * follows. */
#include "backends/native/forward.h"
#include "backends/native/forward_step.h"
#include "backends/native/tree.h"
#include "harness/base/err.h"

struct score {
    struct forward *f;
    struct tree tree;
    struct tree_node nodes[STEP_TOKENS];
    assay_done_fn *on_done;
    void *user;
};

static int check_tokens(const struct forward *f, struct assay_tokens t, size_t i, const char *what,
                        struct assay_err *err)
{
    for (size_t j = 0; j < t.n; j++)
        if (t.v[j] < 0 || (uint32_t)t.v[j] >= f->m->hp.n_vocab)
            return err_set(err, ASSAY_EUSAGE,
                           "request %zu: token %d at %zu of the %s is outside the vocabulary of %u",
                           i, t.v[j], j, what, f->m->hp.n_vocab);
    return 0;
}

static int check_request(const struct forward *f, const struct assay_score_req *r, size_t i,
                         struct assay_err *err)
{
    const uint32_t n_ctx = f->m->hp.n_ctx;
    if (!r->prefix.n || !r->continuation.n)
        return err_set(err, ASSAY_EUSAGE, "request %zu: an empty %s, at least one token is needed",
                       i, r->prefix.n ? "continuation" : "prefix");
    if (!r->logprob)
        return err_set(err, ASSAY_EUSAGE, "request %zu: no place for log probabilities", i);
    if (r->prefix.n > n_ctx || r->continuation.n > n_ctx ||
        r->prefix.n + r->continuation.n - 1 > n_ctx)
        return err_set(
            err, ASSAY_ELIMIT,
            "request %zu: a prefix of %zu tokens and a continuation of %zu do not fit the "
            "context of %u: shorten the prefix from the left or raise the context",
            i, r->prefix.n, r->continuation.n, n_ctx);
    TRY(check_tokens(f, r->prefix, i, "prefix", err));
    return check_tokens(f, r->continuation, i, "continuation", err);
}

/* Hands the logits after one node to every request that passes through it. */
static int deliver(const struct score *s, struct tree_node node, const float *logits,
                   const struct attend_lse *lse)
{
    const struct tree *t = &s->tree;
    size_t i = node.i;
    do {
        const struct assay_score_req *r = t->reqs[t->order[i]];
        if (node.pos + 1 < r->prefix.n)
            continue;
        const size_t c = node.pos + 1 - r->prefix.n;
        const int32_t token = r->continuation.v[c];
        r->logprob[c] = (double)logits[token] - lse->lse;
        if (r->is_argmax)
            r->is_argmax[c] = token == lse->argmax;
        if (c + 1 == r->continuation.n && s->on_done && s->on_done(s->user, t->order[i]))
            return ASSAY_ECANCELED;
    } while (++i < t->n && t->shared[i] > node.pos);
    return 0;
}

static int flush(struct score *s)
{
    struct forward *f = s->f;
    TRY(forward_step(f));
    for (size_t at = 0; at < f->step.n_out; at += f->tile) {
        const size_t left = f->step.n_out - at, n = left < f->tile ? left : f->tile;
        forward_logits(f, at, n, true);
        for (size_t i = 0; i < n; i++)
            TRY(deliver(s, s->nodes[f->step.out[at + i]], f->logits + i * f->m->hp.n_vocab,
                        &f->lse[i]));
    }
    f->step.n = 0;
    return 0;
}

static int walk(struct score *s)
{
    struct forward *f = s->f;
    struct tree_node next = {0, 0}, node;
    f->step.n = 0;
    while (tree_next(&s->tree, &next, &node)) {
        s->nodes[f->step.n] = node;
        step_add(&f->step, tree_token(&s->tree, node.i, node.pos), node.pos, &f->path,
                 tree_scored(&s->tree, node));
        if (f->step.n == STEP_TOKENS)
            TRY(flush(s));
    }
    return f->step.n ? flush(s) : 0;
}

int forward_score(struct forward *f, struct assay_score_req *const *reqs, size_t n,
                  assay_done_fn *on_done, void *user, struct assay_err *err)
{
    struct score s = {.f = f, .on_done = on_done, .user = user};
    for (size_t i = 0; i < n; i++)
        TRY(check_request(f, reqs[i], i, err));
    TRY(tree_init(&s.tree, reqs, n, err));
    f->n_held = 0;
    int rc = kv_reserve(&f->path, &f->kv, s.tree.max_len, err);
    if (rc == 0)
        rc = forward_reserve(f, s.tree.max_len, err);
    if (rc == 0) {
        rc = walk(&s);
        if (rc == ASSAY_ECANCELED)
            err_set(err, rc, "scoring was cancelled");
        else
            f->usage.n_reused += s.tree.n_tokens - s.tree.n_nodes;
    }
    tree_release(&s.tree);
    return rc;
}
