/* probe.c - rows of one forward pass by tensor name, for KL divergence and for debugging.
 *
 * Names: "embd", "blk.N.X" with X of attn_norm, q, k (both rotated), v, attn_out, ffn_norm,
 * ffn_out (both before they are added to the residual), out (the residual after the block),
 * "output_norm" and "logits".  Not here: weights. */
#include "backends/native/forward.h"
#include "backends/native/forward_step.h"
#include "harness/base/err.h"
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_MAX_BYTES = 32, PATTERN_MAX = 256 };

static const struct {
    const char *name;
    bool per_layer;
} taps[TAP_COUNT] = {
    [TAP_EMBD] = {"embd", false},
    [TAP_ATTN_NORM] = {"attn_norm", true},
    [TAP_Q] = {"q", true},
    [TAP_K] = {"k", true},
    [TAP_V] = {"v", true},
    [TAP_ATTN_OUT] = {"attn_out", true},
    [TAP_FFN_NORM] = {"ffn_norm", true},
    [TAP_FFN_OUT] = {"ffn_out", true},
    [TAP_OUT] = {"out", true},
    [TAP_OUTPUT_NORM] = {"output_norm", false},
};

struct probe {
    struct forward *f;
    const struct assay_probe_req *req;
    uint8_t *want; /* [n_layer][TAP_COUNT]; tensors without layer: layer 0 */
    bool logits, any_tap;
    uint32_t base; /* position of the step's first token */
};

static const char *tap_name(enum tap t, uint32_t layer, char out[NAME_MAX_BYTES])
{
    if (taps[t].per_layer)
        snprintf(out, NAME_MAX_BYTES, "blk.%u.%s", layer, taps[t].name);
    else
        snprintf(out, NAME_MAX_BYTES, "%s", taps[t].name);
    return out;
}

static int unknown(const struct probe *p, const char *pattern, struct assay_err *err)
{
    return err_set(
        err, ASSAY_EUSAGE,
        "no tensor is called '%s'; there are embd, blk.0 to blk.%u with .attn_norm .q .k .v "
        ".attn_out .ffn_norm .ffn_out .out, output_norm and logits, and globs of them as in "
        "'blk.*.out'",
        pattern, p->f->m->hp.n_layer - 1);
}

/* Marks what one name or glob means. */
static int want_pattern(struct probe *p, const char *pattern, struct assay_err *err)
{
    bool found = fnmatch(pattern, "logits", 0) == 0;
    p->logits |= found;
    for (uint32_t l = 0; l < p->f->m->hp.n_layer; l++)
        for (int t = 0; t < TAP_COUNT; t++) {
            char name[NAME_MAX_BYTES];
            if ((l && !taps[t].per_layer) ||
                fnmatch(pattern, tap_name((enum tap)t, l, name), 0) != 0)
                continue;
            p->want[l * TAP_COUNT + (size_t)t] = 1;
            found = p->any_tap = true;
        }
    return found ? 0 : unknown(p, pattern, err);
}

static int want_list(struct probe *p, const char *list, struct assay_err *err)
{
    while (*list) {
        char pattern[PATTERN_MAX];
        list += strspn(list, " ,");
        size_t n = strcspn(list, ",");
        const char *next = list + n;
        while (n && list[n - 1] == ' ')
            n--;
        if (n >= sizeof pattern)
            return err_set(err, ASSAY_EUSAGE, "a tensor name of %zu bytes, at most %d are possible",
                           n, PATTERN_MAX - 1);
        memcpy(pattern, list, n);
        pattern[n] = 0;
        if (n)
            TRY(want_pattern(p, pattern, err));
        list = next;
    }
    return p->logits || p->any_tap ? 0 : unknown(p, "", err);
}

/* Rows that stand for positions from pos on; `first` and later are handed out. */
static int hand_out(const struct probe *p, const char *name, uint32_t pos, const float *v, size_t n,
                    size_t n_cols)
{
    for (size_t i = 0; i < n; i++) {
        const struct assay_row row = {
            .tensor = name, .pos = pos + (uint32_t)i, .n = (uint32_t)n_cols, .v = v + i * n_cols};
        if (row.pos >= p->req->first && p->req->on_row(p->req->user, &row))
            return ASSAY_ECANCELED;
    }
    return 0;
}

static int on_tap(void *user, const struct tap_rows *r)
{
    const struct probe *p = user;
    char name[NAME_MAX_BYTES];
    if (r->tap >= TAP_COUNT || !p->want[r->layer * TAP_COUNT + r->tap])
        return 0;
    return hand_out(p, tap_name(r->tap, r->layer, name), p->base, r->v, r->n, r->n_cols);
}

/* Leading tokens whose keys and values the last probe left: choices of one item share their prompt.
 * They are not evaluated again, unless somebody wants to see them. */
static size_t held(const struct probe *p)
{
    const struct forward *f = p->f;
    const size_t most = p->any_tap ? 0 : p->req->first < f->n_held ? p->req->first : f->n_held;
    size_t n = 0;
    while (n < most && f->held[n] == p->req->tokens.v[n])
        n++;
    return n;
}

/* Without memory for it the next probe evaluates everything. */
static void hold(struct forward *f, const struct assay_tokens *tokens)
{
    int32_t *v = realloc(f->held, tokens->n * sizeof *v);
    if (!v)
        return;
    memcpy(v, tokens->v, tokens->n * sizeof *v);
    f->held = v;
    f->n_held = tokens->n;
}

static int run(struct probe *p)
{
    struct forward *f = p->f;
    const struct assay_tokens *tokens = &p->req->tokens;
    const size_t from = held(p);
    f->n_held = 0;
    f->usage.n_reused += from;
    for (size_t at = from; at < tokens->n; at += f->step.n) {
        f->step.n = 0;
        p->base = (uint32_t)at;
        for (size_t i = at; i < tokens->n && f->step.n < STEP_TOKENS; i++)
            step_add(&f->step, tokens->v[i], (uint32_t)i, &f->path,
                     p->any_tap || (p->logits && i >= p->req->first));
        TRY(forward_step(f));
        for (size_t o = 0; p->logits && o < f->step.n_out; o += f->tile) {
            const size_t left = f->step.n_out - o, n = left < f->tile ? left : f->tile;
            forward_logits(f, o, n, false);
            TRY(hand_out(p, "logits", p->base + f->step.out[o], f->logits, n, f->m->hp.n_vocab));
        }
    }
    hold(f, tokens);
    return 0;
}

static int check(const struct forward *f, const struct assay_probe_req *r, struct assay_err *err)
{
    const struct hparams *hp = &f->m->hp;
    if (!r->tokens.n || r->first >= r->tokens.n)
        return err_set(err, ASSAY_EUSAGE, "nothing to probe: first position %u of %zu tokens",
                       r->first, r->tokens.n);
    if (r->tokens.n > hp->n_ctx)
        return err_set(err, ASSAY_ELIMIT, "%zu tokens do not fit the context of %u", r->tokens.n,
                       hp->n_ctx);
    for (size_t i = 0; i < r->tokens.n; i++)
        if (r->tokens.v[i] < 0 || (uint32_t)r->tokens.v[i] >= hp->n_vocab)
            return err_set(err, ASSAY_EUSAGE, "token %d at %zu is outside the vocabulary of %u",
                           r->tokens.v[i], i, hp->n_vocab);
    if (!r->on_row)
        return err_set(err, ASSAY_EUSAGE, "no function to hand rows to");
    return 0;
}

int forward_probe(struct forward *f, const struct assay_probe_req *r, struct assay_err *err)
{
    TRY(check(f, r, err));
    struct probe p = {.f = f, .req = r, .want = calloc(f->m->hp.n_layer, TAP_COUNT)};
    if (!p.want)
        return err_set(err, ASSAY_ENOMEM, "no memory for a probe");
    int rc = want_list(&p, r->tensors ? r->tensors : "", err);
    if (r->tokens.n > f->path.cap)
        f->n_held = 0;
    if (rc == 0)
        rc = kv_reserve(&f->path, &f->kv, (uint32_t)r->tokens.n, err);
    if (rc == 0)
        rc = forward_reserve(f, (uint32_t)r->tokens.n, err);
    if (rc == 0) {
        if (p.any_tap) {
            f->tap = on_tap;
            f->tap_user = &p;
        }
        rc = run(&p);
        f->tap = NULL;
        if (rc == ASSAY_ECANCELED)
            err_set(err, rc, "probing was cancelled");
    }
    free(p.want);
    return rc;
}
