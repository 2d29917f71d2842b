/* generate.c - generation with continuous batching: every step decodes one token of each running
 * request and fills up with prompt tokens of those that have arrived.
 *
 * Each running request has a slot: a sequence of the KV cache of its own.  A prompt's beginning
 * that a slot already holds, from a request running or done in this call, is copied instead of
 * computed (equal bit for bit); its last token is always evaluated, for its logits.  Nothing is
 * carried from call to call, so that a repeated measurement repeats its work. */
#include "backends/native/forward.h"
#include "backends/native/forward_step.h"
#include "backends/native/sample.h"
#include "backends/native/stream.h"
#include "backends/native/vocab.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { NONE = -1 };
#define KV_BUDGET ((size_t)1 << 30) /* bytes of all slots, unless a single one needs more */

enum phase { PHASE_FREE, PHASE_COPY, PHASE_PROMPT, PHASE_DECODE };
struct slot {
    enum phase phase;
    struct kv_seq *kv;          /* in struct forward */
    struct assay_tokens prompt; /* what positions 0..prompt.n-1 hold or will hold */
    uint32_t n_past;            /* positions that are valid */
    /* -- while running -- */
    struct assay_generate_req *req;
    size_t index;
    uint64_t order; /* of admission */
    int donor;      /* COPY: slot to copy n_share positions from, once it has them */
    uint32_t n_share;
    int32_t next; /* DECODE: token to evaluate */
    struct sample sample;
    struct stream stream;
    int64_t start_ns, first_ns, last_ns;
};
struct generate {
    struct forward *f;
    struct slot slots[FORWARD_SLOTS];
    struct assay_generate_req *const *reqs;
    size_t *queue;      /* [n] indices by intended start */
    size_t n, n_queued; /* queue[n_queued..n) waits */
    uint64_t n_admitted;
    uint32_t *work;           /* [n_vocab] for sample_token */
    int slot_of[STEP_TOKENS]; /* token of the step -> slot */
    assay_done_fn *on_done;
    void *user;
    struct assay_err *err;
};

/* -- requests ---------------------------------------------------------------------------------- */
static int check_request(const struct forward *f, const struct assay_generate_req *r, size_t i,
                         struct assay_err *err)
{
    const struct hparams *hp = &f->m->hp;
    if (!r->prompt.n)
        return err_set(err, ASSAY_EUSAGE,
                       "request %zu: an empty prompt, at least one token is needed", i);
    if (r->prompt.n > hp->n_ctx)
        return err_set(
            err, ASSAY_ELIMIT,
            "request %zu: a prompt of %zu tokens does not fit the context of %u: shorten "
            "it or raise the context",
            i, r->prompt.n, hp->n_ctx);
    for (size_t j = 0; j < r->prompt.n; j++)
        if (r->prompt.v[j] < 0 || (uint32_t)r->prompt.v[j] >= hp->n_vocab)
            return err_set(err, ASSAY_EUSAGE,
                           "request %zu: token %d at %zu is outside the vocabulary of %u", i,
                           r->prompt.v[j], j, hp->n_vocab);
    if (!(r->temperature >= 0 && r->temperature < 1e6))
        return err_set(err, ASSAY_EUSAGE, "request %zu: temperature %g, expected 0 or more", i,
                       r->temperature);
    if (!(r->top_p >= 0 && r->top_p <= 1))
        return err_set(err, ASSAY_EUSAGE, "request %zu: top_p %g, expected 0 to 1", i, r->top_p);
    for (size_t j = 0; j < r->n_stop; j++)
        if (!r->stop[j] || !*r->stop[j])
            return err_set(err, ASSAY_EUSAGE, "request %zu: stop string %zu is empty", i, j);
    return 0;
}

static int by_start(const void *pa, const void *pb, void *reqs_)
{
    struct assay_generate_req *const *reqs = reqs_;
    const size_t a = *(const size_t *)pa, b = *(const size_t *)pb;
    const uint64_t ta = reqs[a]->at_ns, tb = reqs[b]->at_ns;
    return ta != tb ? (ta < tb ? -1 : 1) : (a > b) - (a < b);
}

/* Positions a request may fill. */
static uint32_t positions(const struct generate *g, const struct assay_generate_req *r)
{
    const uint64_t n = (uint64_t)r->prompt.n + r->max_tokens;
    return n < g->f->m->hp.n_ctx ? (uint32_t)n : g->f->m->hp.n_ctx;
}

/* -- admission --------------------------------------------------------------------------------- */
static uint32_t common(struct assay_tokens a, struct assay_tokens b)
{
    size_t i = 0;
    while (i < a.n && i < b.n && a.v[i] == b.v[i])
        i++;
    return (uint32_t)i;
}

/* The slot that shares most of the prompt, and how much: all but the last token at most. */
static int find_donor(const struct generate *g, struct assay_tokens prompt, uint32_t *n_share)
{
    int best = NONE;
    *n_share = 0;
    for (int i = 0; i < FORWARD_SLOTS; i++) {
        const struct slot *s = &g->slots[i];
        uint32_t n = common(s->prompt, prompt);
        if (s->phase == PHASE_FREE && n > s->n_past)
            n = s->n_past;
        n = n < prompt.n ? n : (uint32_t)prompt.n - 1;
        if (n > *n_share) {
            *n_share = n;
            best = i;
        }
    }
    return best;
}

static bool any_running(const struct generate *g)
{
    for (int i = 0; i < FORWARD_SLOTS; i++)
        if (g->slots[i].phase != PHASE_FREE)
            return true;
    return false;
}

/* Forgets what free slots other than `keep` hold until `need` more bytes fit the budget. */
static bool make_room(struct generate *g, size_t need, int keep)
{
    size_t used = 0;
    for (int i = 0; i < FORWARD_SLOTS; i++)
        used += g->slots[i].kv->bytes;
    for (int i = 0; i < FORWARD_SLOTS && used + need > KV_BUDGET; i++) {
        struct slot *s = &g->slots[i];
        if (s->phase != PHASE_FREE || i == keep)
            continue;
        used -= s->kv->bytes;
        kv_release(s->kv);
        s->prompt.n = s->n_past = 0;
    }
    return used + need <= KV_BUDGET || !any_running(g);
}

/* A free slot, best one that needs no growing: NONE when all run. */
static int find_free(const struct generate *g, uint32_t n_pos, int donor)
{
    int best = NONE;
    if (donor != NONE && g->slots[donor].phase == PHASE_FREE && g->slots[donor].kv->cap >= n_pos)
        return donor; /* its beginning stays where it is */
    for (int i = 0; i < FORWARD_SLOTS; i++) {
        if (g->slots[i].phase != PHASE_FREE || i == donor)
            continue;
        if (best == NONE || (g->slots[best].kv->cap < n_pos && g->slots[i].kv->cap >= n_pos))
            best = i;
    }
    return best;
}

/* Copies shared beginnings that their donors have computed by now. */
static void copy_shared(struct generate *g)
{
    for (int i = 0; i < FORWARD_SLOTS; i++) {
        struct slot *s = &g->slots[i];
        if (s->phase != PHASE_COPY || g->slots[s->donor].n_past < s->n_share)
            continue;
        kv_copy(s->kv, g->slots[s->donor].kv, &g->f->kv, s->n_share);
        s->n_past = s->n_share;
        s->phase = PHASE_PROMPT;
    }
}

/* Gives the next waiting request a slot.  1: done; 0: no room now. */
static int admit(struct generate *g)
{
    const size_t index = g->queue[g->n_queued];
    struct assay_generate_req *r = g->reqs[index];
    const uint32_t n_pos = positions(g, r);
    uint32_t n_share;
    int donor = find_donor(g, r->prompt, &n_share);
    int at = find_free(g, n_pos, donor);
    if (at == NONE && donor != NONE && g->slots[donor].phase == PHASE_FREE) {
        at = donor; /* the only free slot, too small: what it holds is lost */
        donor = NONE;
        n_share = 0;
    }
    if (at == NONE)
        return 0;
    struct slot *s = &g->slots[at];
    const size_t need = s->kv->cap >= n_pos ? 0 : kv_bytes(&g->f->kv, n_pos);
    if (need && !make_room(g, need, donor))
        return 0;
    TRY(kv_reserve(s->kv, &g->f->kv, n_pos, g->err));
    *s = (struct slot){
        .phase = PHASE_COPY,
        .kv = s->kv,
        .prompt = r->prompt,
        .req = r,
        .index = index,
        .order = g->n_admitted++,
        .donor = donor,
        .n_share = n_share,
        .start_ns = clock_ns(),
        .sample = {r->temperature, r->top_p, r->top_k, {r->seed}},
    };
    stream_init(&s->stream, r, index);
    if (donor == at || donor == NONE) {
        s->n_past = n_share;
        s->phase = PHASE_PROMPT;
    }
    g->n_queued++;
    copy_shared(g); /* before anyone can be given the donor's slot */
    return 1;
}

static void sleep_until(uint64_t at_ns)
{
    const struct timespec t = {.tv_sec = (time_t)(at_ns / 1000000000),
                               .tv_nsec = (long)(at_ns % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
        continue;
}

/* Admits all that have arrived and fit; with nothing running, waits for the next. */
static int admit_arrived(struct generate *g)
{
    while (g->n_queued < g->n) {
        const uint64_t at = g->reqs[g->queue[g->n_queued]]->at_ns;
        if (at > (uint64_t)clock_ns()) {
            if (any_running(g))
                break;
            sleep_until(at);
        }
        const int rc = admit(g);
        if (rc < 0)
            return rc;
        if (rc == 0)
            break;
    }
    return 0;
}

/* -- steps ------------------------------------------------------------------------------------- */
static void add_token(struct generate *g, int slot, int32_t token, bool want)
{
    struct slot *s = &g->slots[slot];
    g->slot_of[g->f->step.n] = slot;
    step_add(&g->f->step, token, s->n_past++, s->kv, want);
}

/* The slot in `phase` admitted first, not before `from`. */
static int next_by_order(const struct generate *g, enum phase phase, uint64_t from)
{
    int best = NONE;
    for (int i = 0; i < FORWARD_SLOTS; i++) {
        const struct slot *s = &g->slots[i];
        if (s->phase == phase && s->order >= from &&
            (best == NONE || s->order < g->slots[best].order))
            best = i;
    }
    return best;
}

static void fill_step(struct generate *g)
{
    struct step *step = &g->f->step;
    step->n = 0;
    for (int i = 0; i < FORWARD_SLOTS; i++)
        if (g->slots[i].phase == PHASE_DECODE)
            add_token(g, i, g->slots[i].next, true);
    uint64_t from = 0;
    for (int i; (i = next_by_order(g, PHASE_PROMPT, from)) != NONE; from = g->slots[i].order + 1) {
        struct slot *s = &g->slots[i];
        while (s->n_past < s->prompt.n && step->n < STEP_TOKENS)
            add_token(g, i, s->prompt.v[s->n_past], s->n_past + 1 == s->prompt.n);
    }
}

static int finish(struct generate *g, struct slot *s, enum assay_finish how)
{
    struct assay_generate_req *r = s->req;
    r->finish = how;
    r->n_prompt = (uint32_t)r->prompt.n;
    r->n_cached = s->n_share;
    r->prefill_ns = (uint64_t)(s->first_ns - s->start_ns);
    r->decode_ns = (uint64_t)(s->last_ns - s->first_ns);
    g->f->usage.n_reused += s->n_share;
    g->f->usage.n_generated += r->n_out;
    const int rc = stream_end(&s->stream);
    stream_release(&s->stream);
    s->phase = PHASE_FREE;
    if (rc < 0)
        return rc;
    return g->on_done && g->on_done(g->user, s->index) ? ASSAY_ECANCELED : 0;
}

/* The logits after a request's last token are there: chooses the next and goes on or ends. */
static int take_token(struct generate *g, struct slot *s, const float *logits)
{
    struct assay_generate_req *r = s->req;
    struct vocab *vocab = g->f->m->vocab;
    s->last_ns = clock_ns();
    if (s->phase == PHASE_PROMPT) {
        s->phase = PHASE_DECODE;
        s->first_ns = s->last_ns;
    }
    if (r->n_out >= r->max_tokens)
        return finish(g, s, ASSAY_FINISH_LENGTH);
    const int32_t token = sample_token(&s->sample, logits, g->f->m->hp.n_vocab, g->work);
    if (vocab_is_eog(vocab, token) && !r->ignore_eos)
        return finish(g, s, ASSAY_FINISH_EOS);
    size_t n = 0;
    const char *bytes = vocab_is_control(vocab, token) ? "" : vocab_piece(vocab, token, &n);
    r->n_out++;
    TRY(stream_add(&s->stream, bytes, n));
    if (s->stream.stopped)
        return finish(g, s, ASSAY_FINISH_STOP);
    if (r->n_out >= r->max_tokens || s->n_past >= g->f->m->hp.n_ctx)
        return finish(g, s, ASSAY_FINISH_LENGTH);
    s->next = token;
    return 0;
}

static int run_step(struct generate *g)
{
    struct forward *f = g->f;
    TRY(forward_step(f));
    for (size_t at = 0; at < f->step.n_out; at += f->tile) {
        const size_t left = f->step.n_out - at, n = left < f->tile ? left : f->tile;
        forward_logits(f, at, n, false);
        for (size_t i = 0; i < n; i++)
            TRY(take_token(g, &g->slots[g->slot_of[f->step.out[at + i]]],
                           f->logits + i * f->m->hp.n_vocab));
    }
    return 0;
}

static int run_all(struct generate *g)
{
    for (;;) {
        copy_shared(g);
        TRY(admit_arrived(g));
        fill_step(g);
        if (!g->f->step.n)
            return 0; /* admit_arrived waits while anyone is left */
        TRY(run_step(g));
    }
}

int forward_generate(struct forward *f, struct assay_generate_req *const *reqs, size_t n,
                     assay_done_fn *on_done, void *user, struct assay_err *err)
{
    struct generate g = {
        .f = f, .reqs = reqs, .n = n, .on_done = on_done, .user = user, .err = err};
    uint32_t n_pos = 0;
    for (size_t i = 0; i < n; i++) {
        TRY(check_request(f, reqs[i], i, err));
        reqs[i]->finish = ASSAY_FINISH_NONE;
        reqs[i]->n_out = reqs[i]->n_cached = 0;
        const uint32_t p = positions(&g, reqs[i]);
        n_pos = p > n_pos ? p : n_pos;
    }
    TRY(forward_reserve(f, n_pos, err));
    g.queue = calloc(n ? n : 1, sizeof *g.queue);
    g.work = calloc(f->m->hp.n_vocab, sizeof *g.work);
    int rc = ASSAY_ENOMEM;
    if (!g.queue || !g.work) {
        err_set(err, rc, "no memory for %zu requests", n);
        goto out;
    }
    for (size_t i = 0; i < n; i++)
        g.queue[i] = i;
    qsort_r(g.queue, n, sizeof *g.queue, by_start, (void *)(uintptr_t)reqs);
    for (int i = 0; i < FORWARD_SLOTS; i++)
        g.slots[i] = (struct slot){.kv = &f->slots[i], .donor = NONE};
    rc = run_all(&g);
    if (rc == ASSAY_ECANCELED)
        err_set(err, rc, "generation was cancelled");
    for (int i = 0; i < FORWARD_SLOTS; i++)
        if (g.slots[i].phase != PHASE_FREE)
            stream_release(&g.slots[i].stream);
out:
    free(g.queue);
    free(g.work);
    return rc;
}
