/* ask_generate.c - asking for text: prompts, one array call, pieces joined and cut at the stops. */
#include <stdlib.h>
#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/run/ask_impl.h"

enum { MAX_TEXT = 16 << 20 };
struct answer {
    struct assay_generate_req req;
    struct pending *owner;
    struct buf text;
    uint64_t n_tokens;
    bool is_done;
};
struct call {
    struct batch *batch;
    struct answer *answers;
    size_t n;
};

static int on_piece(void *user, size_t i, const struct assay_piece *p)
{
    struct call *c = user;
    struct batch *b = c->batch;
    if (i >= c->n || c->answers[i].is_done || (p->len && !p->text)) {
        b->rc = err_set(b->e, ASSAY_EFORMAT,
                        "backend '%s' sent a piece for request %zu of %zu out of place",
                        b->ask->engine->plugin->name, i, c->n);
        return 1;
    }
    struct answer *x = &c->answers[i];
    x->n_tokens += p->n_tokens;
    if (buf_add(&x->text, p->text, p->len) < 0 || x->n_tokens > (uint64_t)x->req.max_tokens + 64) {
        b->rc = err_set(b->e, ASSAY_ELIMIT,
                        "backend '%s' generates without end: %zu bytes, limit %u tokens",
                        b->ask->engine->plugin->name, x->text.n, x->req.max_tokens);
        return 1;
    }
    struct ask *k = b->ask;
    if (k->tick) /* a sign of life, but no place to stop: the item in hand is finished */
        k->tick(k->user, true, b->n_done, b->n);
    return 0;
}

/* Every stop in turn cuts at its first occurrence. */
static size_t cut(const char *text, size_t n, const struct task_generation *g, bool *was_cut)
{
    for (size_t i = 0; i < g->n_until; i++) {
        size_t len = strlen(g->until[i]);
        const char *at = len ? memmem(text, n, g->until[i], len) : NULL;
        if (at) {
            n = (size_t)(at - text);
            *was_cut = true;
        }
    }
    return n;
}

/* Whatever a model or server sends is stored as UTF-8. */
static char *clean(const char *text, size_t n, struct arena *a, size_t *out_n)
{
    size_t bad;
    if (text_valid(text, n, &bad)) {
        *out_n = n;
        return arena_strndup(a, text, n);
    }
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < n;) {
        uint32_t cp;
        int k = text_decode(text + i, n - i, &cp);
        if (k)
            buf_add(&b, text + i, (size_t)k);
        else
            buf_adds(&b, "\xef\xbf\xbd");
        i += k ? (size_t)k : 1;
    }
    char *copy = arena_strndup(a, b.v, b.n);
    *out_n = b.n;
    buf_release(&b);
    return copy;
}

static const char *finish_name(uint32_t finish, bool was_cut)
{
    return was_cut || finish == ASSAY_FINISH_STOP ? "stop"
           : finish == ASSAY_FINISH_EOS           ? "eos"
           : finish == ASSAY_FINISH_LENGTH        ? "length"
                                                  : NULL;
}

static int on_done(void *user, size_t i)
{
    struct call *c = user;
    struct batch *b = c->batch;
    if (i >= c->n || c->answers[i].is_done) {
        b->rc = err_set(b->e, ASSAY_EFORMAT, "backend '%s' reports request %zu of %zu as done%s",
                        b->ask->engine->plugin->name, i, c->n, i < c->n ? " twice" : "");
        return 1;
    }
    struct answer *x = &c->answers[i];
    struct store_response *r = &x->owner->response;
    bool was_cut = false;
    size_t n = cut(x->text.v, x->text.n, x->owner->req->generation, &was_cut);
    x->is_done = true;
    r->text = clean(x->text.v, n, b->arena, &r->text_n);
    r->finish = finish_name(x->req.finish, was_cut);
    r->n_tokens = (int64_t)(x->req.n_out ? x->req.n_out : x->n_tokens);
    r->n_prompt = (int64_t)(x->req.n_prompt ? x->req.n_prompt : x->req.prompt.n);
    b->ask->stats.n_tokens += (uint64_t)(r->n_prompt + r->n_tokens);
    buf_release(&x->text);
    buf_init(&x->text, MAX_TEXT);
    batch_done(b, x->owner);
    return batch_life(b);
}

static int prepare(struct batch *b, struct call *c, struct pending *p, struct answer *x,
                   struct assay_err *e)
{
    struct ask *k = b->ask;
    const struct task_generation *g = p->req->generation;
    struct encode_pair prompt;
    struct encode_text text = {p->req->context, p->req->context_n};
    TRY(encode_prompt(&k->encode, text, g->max_tokens, b->arena, &prompt, e));
    p->response.is_cut = prompt.is_cut;
    k->stats.n_cut += prompt.is_cut;
    x->owner = p;
    uint64_t seed;
    memcpy(&seed, p->response.request,
           sizeof seed); /* the key holds the run's seed and the repeat */
    x->req = (struct assay_generate_req){
        .size = sizeof x->req,
        .max_tokens = g->max_tokens,
        .prompt = prompt.prefix,
        .temperature = g->do_sample ? g->temperature : 0,
        .top_p = g->top_p,
        .top_k = g->top_k,
        .seed = seed,
        .stop = g->until,
        .n_stop = g->n_until,
        .on_piece = on_piece,
        .user = c,
    };
    return 0;
}

int ask_generate(struct batch *b, struct assay_err *e)
{
    struct ask *k = b->ask;
    struct call c = {.batch = b, .n = b->n};
    struct assay_err said = {0};
    TRY(engine_needs(k->engine, ASSAY_CAN_GENERATE, e));
    c.answers = ARENA_ARRAY(b->arena, struct answer, b->n);
    struct assay_generate_req **reqs = ARENA_ARRAY(b->arena, struct assay_generate_req *, b->n);
    for (size_t i = 0; i < b->n; i++) {
        TRY(prepare(b, &c, &b->pending[i], &c.answers[i], e));
        reqs[i] = &c.answers[i].req;
    }
    for (size_t i = 0; i < b->n; i++)
        buf_init(&c.answers[i].text, MAX_TEXT);
    if (k->tick)
        k->tick(k->user, true, 0, b->n);
    int64_t wall = clock_ns(), cpu = clock_cpu_ns();
    int rc = k->engine->plugin->api.generate(k->engine->model, reqs, b->n, on_done, &c, &said);
    k->stats.wall_ns += clock_ns() - wall - b->callback_ns;
    k->stats.cpu_ns += clock_cpu_ns() - cpu;
    said.msg[sizeof said.msg - 1] = 0;
    rc = batch_end(b, rc, &said, e);
    for (size_t i = 0; i < b->n; i++)
        buf_release(&c.answers[i].text);
    return rc;
}
