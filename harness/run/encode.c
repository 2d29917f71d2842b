/* encode.c - from text to tokens. */
#include "harness/run/encode.h"
#include <stdlib.h>
#include <string.h>
#include "harness/base/err.h"
#include "harness/base/text.h"

enum { MAX_TOKENS = 1 << 26, SLACK = 64 };

void encode_init(struct encode *x, const struct engine *g)
{
    *x = (struct encode){.engine = g};
}

void encode_release(struct encode *x)
{
    free(x->scratch);
    free(x->text);
    *x = (struct encode){.engine = NULL};
}

void encode_forget(struct encode *x)
{
    x->context = NULL;
}

static int grow(struct encode *x, size_t n, struct assay_err *e)
{
    if (n <= x->cap)
        return 0;
    size_t cap = n + n / 2;
    int32_t *p = realloc(x->scratch, cap * sizeof *p);
    if (!p)
        return err_set(e, ASSAY_ENOMEM, "out of memory for %zu tokens", cap);
    x->scratch = p;
    x->cap = cap;
    return 0;
}

/* One call with room for what the text may need at most, a second one when it needs more. */
static int tokenize(struct encode *x, struct encode_text t, int special, struct arena *a,
                    struct assay_tokens *out, struct assay_err *e)
{
    const struct engine *g = x->engine;
    size_t n = 0, want = t.n + SLACK;
    for (int round = 0;; round++) {
        struct assay_err said = {0};
        TRY(grow(x, want, e));
        memset(x->scratch, 0xff, want * sizeof *x->scratch);
        int rc = g->plugin->api.tokenize(g->model, t.s, t.n, special, x->scratch, want, &n, &said);
        said.msg[sizeof said.msg - 1] = 0;
        if (rc < 0)
            return err_set(e, rc, "backend '%s' cannot tokenize: %.400s", g->plugin->name,
                           said.msg);
        if (n > MAX_TOKENS)
            return err_set(e, ASSAY_EFORMAT,
                           "backend '%s' reports %zu tokens for a text of %zu bytes",
                           g->plugin->name, n, t.n);
        if (n <= want)
            break;
        if (round)
            return err_set(e, ASSAY_EFORMAT,
                           "backend '%s' changes its mind about how many tokens a text has",
                           g->plugin->name);
        want = n;
    }
    int32_t *v = arena_alloc(a, n ? n * sizeof *v : sizeof *v);
    for (size_t i = 0; i < n; i++) {
        v[i] = x->scratch[i];
        if (v[i] < 0 || (uint32_t)v[i] >= g->info.n_vocab)
            return err_set(e, ASSAY_EFORMAT,
                           "backend '%s' reports %zu tokens, of which number %zu is no token",
                           g->plugin->name, n, i);
    }
    *out = (struct assay_tokens){v, n};
    /* A text that begins with the begin token's own text does not get a second one. */
    if (special && g->info.add_bos && n > 1 && v[0] == g->info.bos && v[1] == g->info.bos)
        *out = (struct assay_tokens){v + 1, n - 1};
    return 0;
}

static int prefix_token(const struct encode *x, struct arena *a, struct assay_tokens *out,
                        struct assay_err *e)
{
    const struct assay_info *info = &x->engine->info;
    int32_t id = info->bos >= 0 ? info->bos : info->eos;
    if (id < 0)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "the model has neither a begin nor an end token to score from");
    int32_t *v = ARENA_NEW(a, int32_t);
    *v = id;
    *out = (struct assay_tokens){v, 1};
    return 0;
}

/* -- context and continuation ------------------------------------------------------------------ */

/* White space as Python's str.isspace has it. */
static bool is_space(uint32_t c)
{
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 ||
           c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 ||
           c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Bytes of `s` without its trailing white space. */
static size_t rstrip(const char *s, size_t n)
{
    while (n) {
        size_t k = n - 1;
        uint32_t c;
        while (k && n - k < 4 && ((unsigned char)s[k] & 0xc0) == 0x80)
            k--;
        if (text_decode(s + k, n - k, &c) != (int)(n - k) || !is_space(c))
            return n;
        n = k;
    }
    return 0;
}

static int join(struct encode *x, struct encode_text p, struct encode_text q,
                struct encode_text *out, struct assay_err *e)
{
    if (p.n + q.n + 1 > x->text_cap) {
        size_t cap = (p.n + q.n + 1) * 2;
        char *text = realloc(x->text, cap);
        if (!text)
            return err_set(e, ASSAY_ENOMEM, "out of memory for a prompt of %zu bytes", p.n + q.n);
        x->text = text;
        x->text_cap = cap;
    }
    memcpy(x->text, p.s, p.n);
    memcpy(x->text + p.n, q.s, q.n);
    x->text[p.n + q.n] = 0;
    *out = (struct encode_text){x->text, p.n + q.n};
    return 0;
}

static int tokenize_context(struct encode *x, struct encode_text c, struct arena *a,
                            struct assay_tokens *out, struct assay_err *e)
{
    if (x->context && x->context_n == c.n &&
        (x->context == c.s || memcmp(x->context, c.s, c.n) == 0)) {
        *out = (struct assay_tokens){x->context_tokens, x->n_context_tokens};
        return 0;
    }
    TRY(tokenize(x, c, 1, a, out, e));
    x->context = c.s;
    x->context_n = c.n;
    x->context_tokens = out->v;
    x->n_context_tokens = out->n;
    return 0;
}

/* The model sees all tokens but the last: n_ctx + 1 may be sent. */
static int fit(const struct encode *x, struct encode_pair *p, struct assay_err *e)
{
    size_t n_ctx = x->engine->info.n_ctx, n = p->prefix.n + p->continuation.n;
    if (!n_ctx || n <= n_ctx + 1)
        return 0;
    if (p->continuation.n > n_ctx)
        return err_set(e, ASSAY_ELIMIT,
                       "a continuation has %zu tokens, the model's context holds %zu",
                       p->continuation.n, n_ctx);
    size_t cut = n - (n_ctx + 1);
    p->prefix.v += cut;
    p->prefix.n -= cut;
    p->is_cut = true;
    return 0;
}

static int encode_bare(struct encode *x, struct encode_text continuation, struct arena *a,
                       struct encode_pair *out, struct assay_err *e)
{
    TRY(prefix_token(x, a, &out->prefix, e));
    TRY(tokenize(x, continuation, 0, a, &out->continuation, e));
    if (out->continuation.n && out->continuation.v[0] == out->prefix.v[0]) {
        out->continuation.v++;
        out->continuation.n--;
    }
    return fit(x, out, e);
}

int encode_pair(struct encode *x, struct encode_text context, struct encode_text continuation,
                struct arena *a, struct encode_pair *out, struct assay_err *e)
{
    *out = (struct encode_pair){.is_cut = false};
    if (context.n == 0)
        return encode_bare(x, continuation, a, out, e);
    struct encode_text whole, bare = {context.s, rstrip(context.s, context.n)};
    struct assay_tokens all;
    TRY(join(x, context, continuation, &whole, e));
    TRY(tokenize(x, whole, 1, a, &all, e));
    TRY(tokenize_context(x, bare, a, &out->prefix, e));
    size_t n = out->prefix.n < all.n ? out->prefix.n : all.n;
    out->continuation = (struct assay_tokens){all.v + n, all.n - n};
    if (out->prefix.n == 0)
        TRY(prefix_token(x, a, &out->prefix, e));
    return fit(x, out, e);
}

/* -- rolling ----------------------------------------------------------------------------------- */

int encode_rolling(struct encode *x, struct encode_text text, struct arena *a,
                   struct encode_pair **out, size_t *n_out, struct assay_err *e)
{
    struct assay_tokens t, begin;
    TRY(prefix_token(x, a, &begin, e));
    TRY(tokenize(x, text, 1, a, &t, e));
    size_t most = x->engine->info.n_ctx ? x->engine->info.n_ctx : t.n ? t.n : 1;
    struct encode_pair *w = ARENA_ARRAY(a, struct encode_pair, t.n / most + 2);
    size_t k = 0, p = t.n < most ? t.n : most;
    if (t.n)
        w[k++] = (struct encode_pair){.prefix = begin, .continuation = {t.v, p}};
    while (p < t.n) {
        size_t n = t.n - p < most ? t.n - p : most, end = p + n;
        size_t first = end - most - 1; /* end > most: the first window was full */
        w[k++] =
            (struct encode_pair){.prefix = {t.v + first, p - first}, .continuation = {t.v + p, n}};
        p = end;
    }
    *out = w;
    *n_out = k;
    return 0;
}

/* -- prompts ----------------------------------------------------------------------------------- */

int encode_prompt(struct encode *x, struct encode_text text, uint32_t max_tokens, struct arena *a,
                  struct encode_pair *out, struct assay_err *e)
{
    size_t n_ctx = x->engine->info.n_ctx;
    *out = (struct encode_pair){.is_cut = false};
    if (x->engine->info.caps & ASSAY_CAN_TOKENIZE)
        TRY(tokenize(x, text, 1, a, &out->prefix, e));
    if (out->prefix.n == 0)
        TRY(prefix_token(x, a, &out->prefix, e));
    if (!n_ctx)
        return 0;
    if (max_tokens >= n_ctx)
        return err_set(e, ASSAY_ELIMIT,
                       "%u tokens are to be generated, the model's context holds %zu", max_tokens,
                       n_ctx);
    if (out->prefix.n > n_ctx - max_tokens) {
        size_t cut = out->prefix.n - (n_ctx - max_tokens);
        out->prefix.v += cut;
        out->prefix.n -= cut;
        out->is_cut = true;
    }
    return 0;
}
