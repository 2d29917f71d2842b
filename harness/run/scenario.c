/* scenario.c - measuring speed of one request at a time. */
#include "harness/run/scenario.h"
#include <math.h>
#include <string.h>
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"
#include "harness/machine/machine.h"

enum { STABLE = 5, STABLE_AGAIN = 2, TRIES = 3 };
static const int64_t warmup_ns = 10 * (int64_t)1000000000; /* of all rounds together */
static const double max_cv = 0.03, max_switches_per_s = 100, max_pressure = 0.1;

struct rep { /* one repetition while it runs */
    const struct scenario *s;
    int64_t start_ns, *stamps;
    size_t n, cap;
    bool is_done;
};

static int on_piece(void *user, size_t index, const struct assay_piece *p)
{
    int64_t now = clock_ns(); /* before anything else */
    struct rep *r = user;
    (void)index;
    for (uint32_t i = 0; i < p->n_tokens && r->n < r->cap; i++)
        r->stamps[r->n++] = now - r->start_ns;
    if (r->s->tick)
        r->s->tick(r->s->user, true, r->s->n_done, r->s->n_total);
    return 0;
}

static int on_done(void *user, size_t index)
{
    struct rep *r = user;
    (void)index;
    r->is_done = true;
    return 0;
}

/* Ordinary tokens, other ones each time: nothing can be reused from the repetition before. */
static int32_t *make_prompt(const struct scenario *s, uint64_t rep, struct arena *a)
{
    const struct assay_info *info = &s->engine->info;
    struct rng rng = {.s = s->seed * 1000003 + rep};
    size_t n = (size_t)s->what->n_prompt;
    int32_t *v = ARENA_ARRAY(a, int32_t, n);
    for (size_t i = 0; i < n; i++) {
        do {
            v[i] = (int32_t)rng_below(&rng, info->n_vocab);
        } while (info->n_vocab > 2 && (v[i] == info->bos || v[i] == info->eos));
    }
    if (info->bos >= 0)
        v[0] = info->bos;
    return v;
}

static int call_generate(struct rep *r, int32_t *prompt, struct assay_err *said)
{
    const struct scenario *s = r->s;
    const struct engine *g = s->engine;
    struct assay_generate_req req = {
        .size = sizeof req,
        .max_tokens = (uint32_t)s->what->n_generate,
        .prompt = {prompt, (size_t)s->what->n_prompt},
        .ignore_eos = 1,
        .on_piece = on_piece,
        .user = r,
    };
    struct assay_generate_req *const reqs[] = {&req};
    r->start_ns = clock_ns();
    return g->plugin->api.generate(g->model, reqs, 1, on_done, r, said);
}

/* A model that only scores: the prompt is prefix and last token. */
static int call_score(struct rep *r, int32_t *prompt, struct assay_err *said)
{
    const struct scenario *s = r->s;
    const struct engine *g = s->engine;
    size_t n = (size_t)s->what->n_prompt;
    double logprob;
    uint8_t top;
    struct assay_score_req req = {.size = sizeof req,
                                  .prefix = {prompt, n - 1},
                                  .continuation = {prompt + n - 1, 1},
                                  .logprob = &logprob,
                                  .is_argmax = &top};
    struct assay_score_req *const reqs[] = {&req};
    r->start_ns = clock_ns();
    return g->plugin->api.score(g->model, reqs, 1, on_done, r, said);
}

static int measure(struct scenario *s, uint64_t rep, struct store_sample *out, struct arena *a,
                   struct assay_err *e)
{
    const struct engine *g = s->engine;
    struct assay_err said = {0};
    size_t n_generate = (size_t)s->what->n_generate;
    struct rep r = {.s = s, .stamps = ARENA_ARRAY(a, int64_t, n_generate), .cap = n_generate};
    int32_t *prompt = make_prompt(s, rep, a);
    int64_t switches = machine_switches(), pressure = machine_pressure_us(), cpu = clock_cpu_ns();
    int rc = g->info.caps & ASSAY_CAN_GENERATE ? call_generate(&r, prompt, &said)
                                               : call_score(&r, prompt, &said);
    int64_t wall = clock_ns() - r.start_ns;
    cpu = clock_cpu_ns() - cpu;
    said.msg[sizeof said.msg - 1] = 0;
    if (rc < 0)
        return err_set(e, rc, "%.480s",
                       said.msg[0] ? said.msg : "the backend failed without a reason");
    if (!r.is_done)
        return err_set(e, ASSAY_EFORMAT, "backend '%s' returned without answering",
                       g->plugin->name);
    if ((g->info.caps & ASSAY_CAN_GENERATE) && r.n < n_generate)
        return err_set(e, ASSAY_EFORMAT,
                       "backend '%s' generated %zu of %zu tokens although it was told to go on",
                       g->plugin->name, r.n, n_generate);
    *out = (struct store_sample){
        .job_id = s->job_id,
        .round = s->round,
        .rep = (int64_t)rep,
        .n_prompt = s->what->n_prompt,
        .n_generated = (int64_t)r.n,
        .wall_ns = wall,
        .cpu_ns = cpu,
        .ttft_ns = r.n ? r.stamps[0] : STORE_NULL,
        .switches = switches < 0 ? STORE_NULL : machine_switches() - switches,
        .token_ns = r.n ? r.stamps : NULL,
        .n_token_ns = r.n,
    };
    double seconds = (double)wall * 1e-9,
           waited = pressure < 0 ? 0 : (double)(machine_pressure_us() - pressure);
    out->is_dirty = (switches >= 0 && (double)out->switches > 1 + max_switches_per_s * seconds) ||
                    waited * 1e-6 > max_pressure * seconds + 1e-3;
    return 0;
}

/* Are the last `of` alike? */
static bool is_stable(const int64_t *walls, size_t n, size_t of)
{
    double mean = 0, var = 0;
    if (n < of)
        return false;
    for (size_t i = n - of; i < n; i++)
        mean += (double)walls[i] / (double)of;
    for (size_t i = n - of; i < n; i++)
        var += ((double)walls[i] - mean) * ((double)walls[i] - mean) / ((double)of - 1);
    return sqrt(var) < max_cv * mean;
}

static int check(const struct scenario *s, struct assay_err *e)
{
    const struct suite_scenario *w = s->what;
    const struct assay_info *info = &s->engine->info;
    bool can_score = w->kind == SUITE_PREFILL && w->n_prompt > 1 && (info->caps & ASSAY_CAN_SCORE);
    if (!(info->caps & ASSAY_CAN_GENERATE) && !can_score)
        return engine_needs(s->engine, ASSAY_CAN_GENERATE, e);
    if (!info->n_vocab)
        return err_set(e, ASSAY_EUNSUPPORTED, "the backend does not know its vocabulary");
    if (info->n_ctx && w->n_prompt + w->n_generate > (int64_t)info->n_ctx)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "%lld tokens are needed, the model's context holds %u",
                       (long long)(w->n_prompt + w->n_generate), info->n_ctx);
    return 0;
}

/* Counted repetitions of a round: all rounds together do them all. */
static int64_t share_of(const struct suite_scenario *w, int64_t round)
{
    return (round + 1) * w->repetitions / w->rounds - round * w->repetitions / w->rounds;
}

static int repeat(struct scenario *s, struct arena *a, struct assay_err *e)
{
    const struct suite_scenario *w = s->what;
    size_t n_walls = 0, cap = (size_t)w->warmup, n_clean = 0, n_tried = 0;
    size_t of = s->round ? STABLE_AGAIN : STABLE, share = (size_t)share_of(w, s->round);
    int64_t *walls = ARENA_ARRAY(a, int64_t, cap + 1), start = clock_ns();
    bool is_warm = false;
    s->n_total = cap + TRIES * share;
    for (uint64_t rep = (uint64_t)s->n_before; n_clean < share && n_tried < TRIES * share; rep++) {
        struct store_sample x;
        struct arena_mark mark = arena_mark(a);
        is_warm = is_warm || n_walls >= cap || is_stable(walls, n_walls, of) ||
                  (n_walls && clock_ns() - start > warmup_ns / w->rounds);
        if (s->tick)
            s->tick(s->user, true, s->n_done, s->n_total);
        if (is_warm)
            energy_begin(s->meter);
        TRY(measure(s, rep, &x, a, e));
        x.is_warmup = !is_warm;
        if (is_warm) {
            n_tried++;
            n_clean += !x.is_dirty;
            s->n_tokens += w->kind == SUITE_PREFILL ? x.n_prompt : x.n_generated;
        } else {
            walls[n_walls++] = x.wall_ns;
        }
        TRY(store_put_sample(s->store, &x, e));
        s->n_done++;
        arena_rewind(a, mark);
        if (s->stop && *s->stop)
            return err_set(e, ASSAY_ECANCELED, "interrupted");
    }
    return 0;
}

int scenario_run(struct scenario *s, struct assay_err *e)
{
    struct arena a = {0};
    s->n_done = s->n_total = 0;
    s->n_tokens = 0;
    energy_reset(s->meter);
    int rc = check(s, e);
    if (rc >= 0)
        rc = repeat(s, &a, e);
    energy_end(s->meter);
    if (s->tick)
        s->tick(s->user, false, s->n_done, s->n_total);
    arena_release(&a);
    return rc;
}
