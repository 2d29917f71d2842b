/* ask.c - requests -> responses: keys, look-ups, who is to be asked, writing answers. */
#include "harness/run/ask.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/run/ask_impl.h"

enum { WRITE_NS = 250000000, COMMIT_NS = 500000000 };

/* -- identity ---------------------------------------------------------------------------------- */

void ask_key(struct hash *h, const struct task_request *r, uint64_t seed, uint8_t key[STORE_KEY])
{
    uint8_t digest[HASH_BYTES];
    uint8_t head[8] = {'a',
                       '1',
                       (uint8_t)r->kind,
                       0,
                       (uint8_t)r->repeat,
                       (uint8_t)(r->repeat >> 8),
                       (uint8_t)(r->repeat >> 16),
                       (uint8_t)(r->repeat >> 24)};
    hash_init(h);
    hash_add(h, head, sizeof head);
    hash_add_str(h, r->context ? r->context : "", r->context_n);
    if (r->kind == TASK_REQ_GENERATE) {
        const struct task_generation *g = r->generation;
        double numbers[] = {g->max_tokens, g->temperature, g->top_p,
                            g->top_k,      g->do_sample,   (double)g->n_until};
        hash_add(h, numbers, sizeof numbers);
        for (size_t i = 0; i < g->n_until; i++)
            hash_add_str(h, g->until[i], strlen(g->until[i]));
        if (g->do_sample)
            hash_add(h, &seed, sizeof seed);
    } else {
        hash_add_str(h, r->continuation, r->continuation_n);
    }
    hash_end(h, digest);
    memcpy(key, digest, STORE_KEY);
}

/* -- what is stored already -------------------------------------------------------------------- */

/* At a million keys a false alarm comes once in a million, and costs a look-up. */
enum { KNOWN_BITS = 25, KNOWN_WORDS = 1 << (KNOWN_BITS - 6), KNOWN_PROBES = 4 };

static uint64_t key_part(const uint8_t *key, int i)
{
    uint64_t x;
    memcpy(&x, key + i * 8, sizeof x);
    return x;
}

static void known_add(void *user, const uint8_t key[STORE_KEY])
{
    uint64_t *bits = user, h = key_part(key, 0), step = key_part(key, 1) | 1;
    for (int i = 0; i < KNOWN_PROBES; i++, h += step) {
        uint64_t at = h >> (64 - KNOWN_BITS);
        bits[at >> 6] |= (uint64_t)1 << (at & 63);
    }
}

static bool known_maybe(const struct ask_known *known, const uint8_t key[STORE_KEY])
{
    uint64_t h = key_part(key, 0), step = key_part(key, 1) | 1;
    for (int i = 0; i < KNOWN_PROBES; i++, h += step) {
        uint64_t at = h >> (64 - KNOWN_BITS);
        if (!(known->bits[at >> 6] >> (at & 63) & 1))
            return false;
    }
    return true;
}

int ask_known_load(struct ask_known *k, struct store *s, int64_t variant_id, struct assay_err *e)
{
    k->bits = calloc(KNOWN_WORDS, sizeof *k->bits);
    if (!k->bits)
        return err_set(e, ASSAY_ENOMEM, "out of memory");
    return store_each_key(s, variant_id, known_add, k->bits, e);
}

void ask_known_release(struct ask_known *k)
{
    free(k->bits);
    k->bits = NULL;
}

void ask_init(struct ask *k)
{
    k->stats = (struct ask_stats){0};
    k->hash = (struct hash){0};
    k->committed_ns = clock_ns();
    encode_init(&k->encode, k->engine);
}

void ask_release(struct ask *k)
{
    encode_release(&k->encode);
    hash_release(&k->hash);
}

int ask_commit(struct ask *k, bool force, struct assay_err *e)
{
    int64_t now = clock_ns();
    if (!force && now - k->committed_ns < COMMIT_NS)
        return 0;
    TRY(store_commit(k->store, e));
    k->committed_ns = clock_ns();
    return store_begin(k->store, e);
}

/* -- a batch ----------------------------------------------------------------------------------- */

static void use(const struct store_response *r, struct task_response *out)
{
    out->logprob = r->logprob;
    out->is_greedy = r->is_greedy > 0;
    out->text = r->text;
    out->text_n = r->text_n;
    out->is_cut = (int8_t)r->is_cut;
    out->hit_limit = r->finish && strcmp(r->finish, "length") == 0;
}

/* Stored text lives only until the next look-up. */
static void keep_text(struct ask *k, struct store_response *r, struct arena *a)
{
    r->finish = r->finish && strcmp(r->finish, "length") == 0 ? "length" : NULL;
    if (r->text) {
        r->text = arena_strndup(a, r->text, r->text_n);
        store_end_lookup(k->store);
    }
    r->piece_ns = NULL;
}

static int look_up(struct ask *k, struct store_response *r, struct arena *a, bool *found,
                   struct assay_err *e)
{
    TRY(store_get_response(k->store, k->variant_id, r, found, e));
    if (*found)
        keep_text(k, r, a);
    return 0;
}

int batch_write(struct batch *b)
{
    struct ask *k = b->ask;
    for (size_t i = 0; i < b->n_unwritten; i++) {
        struct pending *p = b->done[i];
        bool kept, found;
        TRY(store_put_response(k->store, k->variant_id, &p->response, &kept, b->e));
        if (!kept) /* asked twice: what was said first is what counts */
            TRY(look_up(k, &p->response, b->arena, &found, b->e));
        if (k->known)
            known_add(k->known->bits, p->response.request);
        use(&p->response, p->out);
        *p->is_missing = false;
    }
    b->n_unwritten = 0;
    b->written_ns = clock_ns();
    return ask_commit(k, false, b->e);
}

int batch_done(struct batch *b, struct pending *p)
{
    b->done[b->n_unwritten++] = p;
    b->n_done++;
    return 0;
}

int batch_life(struct batch *b)
{
    struct ask *k = b->ask;
    int64_t now = clock_ns();
    if (now - b->written_ns > WRITE_NS && b->n_unwritten) {
        b->rc = batch_write(b);
        if (b->rc < 0)
            return 1;
    }
    if (k->tick)
        k->tick(k->user, true, b->n_done, b->n);
    b->callback_ns += clock_ns() - now;
    return k->stop && *k->stop;
}

int batch_end(struct batch *b, int rc, const struct assay_err *said, struct assay_err *e)
{
    const char *name = b->ask->engine->plugin->name;
    int found = b->rc;
    if (found < 0 && !b->n_unwritten)
        return found;
    /* What was answered is kept, whatever went wrong afterwards. */
    b->e = e;
    if (found < 0) {
        struct assay_err aside = {0};
        b->e = &aside;
        batch_write(b);
        return found;
    }
    TRY(batch_write(b));
    if (b->ask->stop && *b->ask->stop && b->n_done < b->n)
        return err_set(e, ASSAY_ECANCELED, "interrupted");
    if (rc < 0)
        return err_set(e, rc, "%.480s",
                       said->msg[0] ? said->msg : "the backend failed without a reason");
    if (b->n_done < b->n)
        return err_set(e, ASSAY_EFORMAT,
                       "backend '%s' returned without answering %zu of %zu requests", name,
                       b->n - b->n_done, b->n);
    return 0;
}

/* -- items ------------------------------------------------------------------------------------- */

struct seen {        /* requests of one call, told apart by key */
    uint32_t *slots; /* request + 1; 0: free */
    size_t mask;
};

static size_t first_of(struct seen *s, const struct ask_answers *x, size_t i)
{
    for (size_t at = key_part(x->keys[i], 0) & s->mask;; at = (at + 1) & s->mask) {
        if (!s->slots[at]) {
            s->slots[at] = (uint32_t)i + 1;
            return i;
        }
        if (memcmp(x->keys[s->slots[at] - 1], x->keys[i], STORE_KEY) == 0)
            return s->slots[at] - 1;
    }
}

static void answers_init(struct ask_answers *x, size_t n, struct arena *a, struct seen *s)
{
    size_t slots = 16;
    while (slots < n * 2)
        slots *= 2;
    x->n = n;
    x->n_missing = 0;
    x->keys = arena_calloc(a, n + 1, sizeof *x->keys);
    x->responses = ARENA_ARRAY(a, struct task_response, n + 1);
    x->is_missing = ARENA_ARRAY(a, bool, n + 1);
    s->slots = ARENA_ARRAY(a, uint32_t, slots);
    s->mask = slots - 1;
}

struct work { /* what is to be asked, by kind */
    struct pending *score, *generate;
    size_t n_score, n_generate;
};

static int sort_out(struct ask *k, const struct task_request *r, size_t i, struct ask_answers *x,
                    struct work *w, struct arena *a, struct assay_err *e)
{
    struct store_response known;
    bool found = false;
    memcpy(known.request, x->keys[i], STORE_KEY);
    if (!k->known || known_maybe(k->known, x->keys[i]))
        TRY(look_up(k, &known, a, &found, e));
    if (found) {
        use(&known, &x->responses[i]);
        k->stats.n_cut += known.is_cut > 0;
        k->stats.n_reused++;
        return 0;
    }
    x->is_missing[i] = true;
    if (!k->engine)
        return 0;
    struct pending *p =
        r->kind == TASK_REQ_GENERATE ? &w->generate[w->n_generate++] : &w->score[w->n_score++];
    p->req = r;
    p->out = &x->responses[i];
    p->is_missing = &x->is_missing[i];
    memcpy(p->response.request, x->keys[i], STORE_KEY);
    p->response.logprob = NAN;
    p->response.is_greedy = -1;
    p->response.n_prompt = STORE_NULL;
    return 0;
}

static int run_batch(struct ask *k, struct pending *p, size_t n, struct arena *a,
                     int (*fn)(struct batch *, struct assay_err *), struct assay_err *e)
{
    if (!n)
        return 0;
    struct assay_err inside = {0};
    struct batch b = {
        .ask = k, .arena = a, .pending = p, .n = n, .written_ns = clock_ns(), .e = &inside};
    b.done = ARENA_ARRAY(a, struct pending *, n);
    int rc = fn(&b, e);
    if (rc < 0 && inside.msg[0])
        err_set(e, inside.code, "%s", inside.msg);
    k->stats.n_asked += b.n_done;
    return rc;
}

int ask_items(struct ask *k, const struct task_item *items, size_t n, struct arena *a,
              struct ask_answers *x, struct assay_err *e)
{
    struct seen s;
    struct work w = {0};
    size_t total = 0, at = 0;
    for (size_t i = 0; i < n; i++)
        total += items[i].n_requests;
    answers_init(x, total, a, &s);
    w.score = ARENA_ARRAY(a, struct pending, total + 1);
    w.generate = ARENA_ARRAY(a, struct pending, total + 1);
    size_t *first = ARENA_ARRAY(a, size_t, total + 1);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < items[i].n_requests; r++, at++) {
            ask_key(&k->hash, &items[i].requests[r], k->seed, x->keys[at]);
            first[at] = first_of(&s, x, at);
            if (first[at] == at)
                TRY(sort_out(k, &items[i].requests[r], at, x, &w, a, e));
        }
    encode_forget(&k->encode);
    int rc = run_batch(k, w.score, w.n_score, a, ask_score, e);
    if (rc >= 0)
        rc = run_batch(k, w.generate, w.n_generate, a, ask_generate, e);
    for (size_t i = 0; i < total; i++) {
        if (first[i] != i) {
            x->responses[i] = x->responses[first[i]];
            x->is_missing[i] = x->is_missing[first[i]];
        }
        x->n_missing += x->is_missing[i];
    }
    if (k->tick)
        k->tick(k->user, false, 0, 0);
    return rc;
}
