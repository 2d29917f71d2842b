/* divergence.c - keeping the reference's logits and comparing a variant's with them.
 *
 * The file: per request a struct record, then n rows of n_vocab floats (this machine's byte order:
 * it does not travel). */
#include "harness/run/divergence.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/run/encode.h"
#include "harness/stats/diverge.h"

struct record {
    uint32_t idx, request, n, n_vocab;
    uint8_t tokens[16]; /* hash of the tokens: both variants must see the same */
};
struct pass {
    struct divergence *d;
    struct docs *docs;
    struct encode encode;
    struct arena arena, item; /* of the pass; of the document in hand */
    size_t *wanted, n_wanted;
    FILE *file;
    float *row;  /* the reference's, when comparing */
    bool is_end; /* no more room, or no more records */
    struct hash hash;
};
struct probe { /* one request's positions, during a probe call */
    struct pass *pass;
    const struct encode_pair *pair;
    bool is_keeping;
    uint32_t first;
    size_t n_seen, at; /* rows of this call; place in the arrays below */
    double *kl, *delta_p, *nll, *nll_ref;
    uint8_t *same_top;
    int rc;
    struct assay_err *e;
};

bool divergence_fits(const struct task *t)
{
    return t->output != TASK_GENERATE;
}

/* -- which documents --------------------------------------------------------------------------- */

struct draw {
    uint64_t rank;
    size_t idx;
};

static int by_rank(const void *x, const void *y)
{
    const struct draw *p = x, *q = y;
    return p->rank != q->rank ? (p->rank < q->rank ? -1 : 1)
                              : (p->idx > q->idx) - (p->idx < q->idx);
}

static int by_size(const void *x, const void *y)
{
    size_t p = *(const size_t *)x, q = *(const size_t *)y;
    return (p > q) - (p < q);
}

static uint64_t rank_of(uint64_t seed, uint64_t idx)
{
    uint64_t x = (seed * 0x9e3779b97f4a7c15) ^ (idx + 1) * 0xd1b54a32d192ed03;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

/* The documents with the smallest hashes: the same for every variant, and nearly the same for
 * another limit. */
static size_t *draw(const struct divergence *d, struct arena *a, size_t *n_out)
{
    const struct suite *s = d->plan->suite;
    const struct value *samples = s->samples ? value_get(s->samples, d->task->task->name) : NULL;
    size_t n = d->task->n_docs, k = (size_t)s->kl_docs < n ? (size_t)s->kl_docs : n;
    struct draw *all = ARENA_ARRAY(a, struct draw, n + 1);
    for (size_t i = 0; i < n; i++) {
        all[i].idx = samples ? (size_t)samples->items[i]->i : i;
        all[i].rank = rank_of((uint64_t)s->seed, all[i].idx);
    }
    qsort(all, n, sizeof *all, by_rank);
    size_t *out = ARENA_ARRAY(a, size_t, k + 1);
    for (size_t i = 0; i < k; i++)
        out[i] = all[i].idx;
    qsort(out, k, sizeof *out, by_size);
    *n_out = k;
    return out;
}

/* -- files ------------------------------------------------------------------------------------- */

char *divergence_path(const struct divergence *d, struct arena *a)
{
    const struct suite *s = d->plan->suite;
    struct hash h = {0};
    uint8_t digest[HASH_BYTES];
    char hex[HASH_HEX];
    int64_t numbers[] = {s->seed, s->kl_docs, (int64_t)d->task->n_docs, d->budget};
    hash_init(&h);
    hash_add_str(&h, d->reference_uid, strlen(d->reference_uid));
    hash_add_str(&h, d->task->uid, 64);
    hash_add(&h, numbers, sizeof numbers);
    struct arena scratch = {0};
    size_t n, *wanted = draw(d, &scratch, &n);
    hash_add(&h, wanted, n * sizeof *wanted);
    arena_release(&scratch);
    hash_end(&h, digest);
    hash_release(&h);
    return arena_printf(a, "%s-logits/%s.f32", d->db, hash_hex(digest, hex));
}

void divergence_remove(const char *db)
{
    struct arena a = {0};
    const char *dir = arena_printf(&a, "%s-logits", db);
    DIR *d = opendir(dir);
    for (struct dirent *x; d && (x = readdir(d));)
        if (strstr(x->d_name, ".f32"))
            unlink(fs_join(&a, dir, x->d_name));
    if (d)
        closedir(d);
    rmdir(dir);
    arena_release(&a);
}

/* -- probing ----------------------------------------------------------------------------------- */

static int keep_row(struct probe *p, const struct assay_row *r)
{
    if (fwrite(r->v, sizeof *r->v, r->n, p->pass->file) == r->n)
        return 0;
    return err_errno(p->e, ASSAY_EIO, "cannot write the reference's logits");
}

static int compare_row(struct probe *p, const struct assay_row *r)
{
    struct diverge_row x;
    struct pass *pass = p->pass;
    size_t target = (size_t)p->pair->continuation.v[p->n_seen];
    if (fread(pass->row, sizeof *pass->row, r->n, pass->file) != r->n)
        return err_set(p->e, ASSAY_EFORMAT, "the file with the reference's logits is cut short");
    if (!diverge_logits(pass->row, r->v, r->n, target, &x))
        return err_set(p->e, ASSAY_EFORMAT, "logits at position %u are not numbers", r->pos);
    p->kl[p->at] = x.kl;
    p->delta_p[p->at] = x.delta_p;
    p->nll[p->at] = x.nll;
    p->nll_ref[p->at] = x.nll_base;
    p->same_top[p->at++] = x.same_top;
    return 0;
}

static int on_row(void *user, const struct assay_row *r)
{
    struct probe *p = user;
    const struct engine *g = p->pass->d->engine;
    if (!r->tensor || strcmp(r->tensor, "logits") != 0)
        return 0;
    if (r->n != g->info.n_vocab || !r->v || r->pos != p->first + p->n_seen ||
        p->n_seen >= p->pair->continuation.n) {
        p->rc = err_set(p->e, ASSAY_EFORMAT,
                        "backend '%s' sent %u logits for position %u, expected %u for %zu",
                        g->plugin->name, r->n, r->pos, g->info.n_vocab, p->first + p->n_seen);
        return 1;
    }
    p->rc = p->is_keeping ? keep_row(p, r) : compare_row(p, r);
    p->n_seen++;
    return p->rc < 0;
}

static int probe_pair(struct probe *p, const struct encode_pair *x)
{
    struct pass *pass = p->pass;
    const struct engine *g = pass->d->engine;
    size_t n = x->prefix.n + x->continuation.n - 1;
    int32_t *v = ARENA_ARRAY(&pass->item, int32_t, n);
    struct assay_err said = {0};
    memcpy(v, x->prefix.v, x->prefix.n * sizeof *v);
    memcpy(v + x->prefix.n, x->continuation.v, (x->continuation.n - 1) * sizeof *v);
    p->pair = x;
    p->first = (uint32_t)x->prefix.n - 1;
    p->n_seen = 0;
    struct assay_probe_req req = {.size = sizeof req,
                                  .first = p->first,
                                  .tokens = {v, n},
                                  .tensors = "logits",
                                  .on_row = on_row,
                                  .user = p};
    int rc = g->plugin->api.probe(g->model, &req, &said);
    said.msg[sizeof said.msg - 1] = 0;
    if (p->rc < 0)
        return p->rc;
    if (rc < 0)
        return err_set(p->e, rc, "%.480s",
                       said.msg[0] ? said.msg : "the backend failed without a reason");
    if (p->n_seen != x->continuation.n)
        return err_set(p->e, ASSAY_EFORMAT, "backend '%s' sent logits for %zu of %zu positions",
                       g->plugin->name, p->n_seen, x->continuation.n);
    return 0;
}

/* -- requests ---------------------------------------------------------------------------------- */

static int encode_request(struct pass *p, const struct task_request *r, struct encode_pair **out,
                          size_t *n, struct assay_err *e)
{
    struct encode_text context = {r->context, r->context_n};
    struct encode_text continuation = {r->continuation, r->continuation_n};
    if (r->kind == TASK_REQ_ROLLING)
        return encode_rolling(&p->encode, continuation, &p->item, out, n, e);
    *out = ARENA_NEW(&p->item, struct encode_pair);
    TRY(encode_pair(&p->encode, context, continuation, &p->item, *out, e));
    *n = (*out)->continuation.n > 0;
    return 0;
}

static void describe(struct pass *p, const struct encode_pair *x, size_t n, struct record *r)
{
    uint8_t digest[HASH_BYTES];
    hash_init(&p->hash);
    for (size_t i = 0; i < n; i++) {
        r->n += (uint32_t)x[i].continuation.n;
        hash_add(&p->hash, &x[i].prefix.n, sizeof x[i].prefix.n);
        hash_add(&p->hash, x[i].prefix.v, x[i].prefix.n * sizeof *x[i].prefix.v);
        hash_add(&p->hash, x[i].continuation.v, x[i].continuation.n * sizeof *x[i].continuation.v);
    }
    hash_end(&p->hash, digest);
    memcpy(r->tokens, digest, sizeof r->tokens);
}

static int keep_request(struct pass *p, const struct record *r, const struct encode_pair *x,
                        size_t n, struct assay_err *e)
{
    struct probe probe = {.pass = p, .is_keeping = true, .e = e};
    if (fwrite(r, sizeof *r, 1, p->file) != 1)
        return err_errno(e, ASSAY_EIO, "cannot write the reference's logits");
    for (size_t i = 0; i < n; i++)
        TRY(probe_pair(&probe, &x[i]));
    return 0;
}

static int compare_request(struct pass *p, const struct record *mine, const struct encode_pair *x,
                           size_t n, struct assay_err *e)
{
    struct record r;
    struct arena *a = &p->item;
    if (fread(&r, sizeof r, 1, p->file) != 1) {
        p->is_end = true;
        return 0;
    }
    if (r.n_vocab != mine->n_vocab)
        return err_set(e, ASSAY_EUNSUPPORTED, "its vocabulary has %u tokens, the reference's %u",
                       mine->n_vocab, r.n_vocab);
    if (memcmp(&r, mine, sizeof r) != 0)
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "it splits the texts into other tokens than the reference");
    struct probe probe = {.pass = p, .e = e};
    probe.kl = ARENA_ARRAY(a, double, r.n);
    probe.delta_p = ARENA_ARRAY(a, double, r.n);
    probe.nll = ARENA_ARRAY(a, double, r.n);
    probe.nll_ref = ARENA_ARRAY(a, double, r.n);
    probe.same_top = ARENA_ARRAY(a, uint8_t, r.n);
    for (size_t i = 0; i < n; i++)
        TRY(probe_pair(&probe, &x[i]));
    struct store_divergence row = {
        .job_id = p->d->job_id,
        .idx = r.idx,
        .request = r.request,
        .n = r.n,
        .kl = probe.kl,
        .delta_p = probe.delta_p,
        .nll = probe.nll,
        .nll_ref = probe.nll_ref,
        .same_top = probe.same_top,
    };
    return store_put_divergence(p->d->store, &row, e);
}

/* -- passes ------------------------------------------------------------------------------------ */

static int do_item(struct pass *p, const struct task_item *item, bool is_keeping,
                   struct assay_err *e)
{
    struct divergence *d = p->d;
    for (size_t i = 0; i < item->n_requests && !p->is_end; i++) {
        struct encode_pair *x;
        size_t n;
        TRY(encode_request(p, &item->requests[i], &x, &n, e));
        if (!n)
            continue;
        struct record r = {
            .idx = (uint32_t)item->idx, .request = (uint32_t)i, .n_vocab = d->engine->info.n_vocab};
        describe(p, x, n, &r);
        int64_t bytes = (int64_t)sizeof r + (int64_t)r.n * r.n_vocab * (int64_t)sizeof(float);
        if (is_keeping && ftell(p->file) + bytes > d->budget) {
            p->is_end = true;
            break;
        }
        if (d->tick)
            d->tick(d->user, true, d->n_done, d->n_items);
        TRY(is_keeping ? keep_request(p, &r, x, n, e) : compare_request(p, &r, x, n, e));
    }
    d->n_done += !p->is_end;
    return 0;
}

static int do_pass(struct pass *p, bool is_keeping, struct assay_err *e)
{
    struct divergence *d = p->d;
    TRY(engine_needs(d->engine, ASSAY_CAN_PROBE | ASSAY_CAN_TOKENIZE, e));
    p->wanted = draw(d, &p->arena, &p->n_wanted);
    p->row = ARENA_ARRAY(&p->arena, float, d->engine->info.n_vocab);
    d->n_items = p->n_wanted;
    d->n_done = 0;
    TRY(docs_open(d->task->task, d->plan->suite, &d->plan->paths, &p->docs, e));
    docs_expect(p->docs, d->task->n_rows, d->task->n_docs);
    docs_only(p->docs, p->wanted, p->n_wanted);
    for (;;) {
        struct task_item item;
        bool has;
        arena_reset(&p->item);
        encode_forget(&p->encode);
        TRY(docs_next(p->docs, &p->item, &item, &has, e));
        if (!has || p->is_end)
            break;
        TRY(do_item(p, &item, is_keeping, e));
        if (d->tick)
            d->tick(d->user, false, d->n_done, d->n_items);
        if (d->stop && *d->stop)
            return err_set(e, ASSAY_ECANCELED, "interrupted");
    }
    if (!d->n_done && d->n_items)
        return err_set(
            e, ASSAY_EUNSUPPORTED,
            "the logits of one document do not fit the budget of %lld bytes for this task; see "
            "--logits-budget",
            (long long)d->budget);
    return 0;
}

static void pass_release(struct pass *p)
{
    docs_close(p->docs);
    encode_release(&p->encode);
    hash_release(&p->hash);
    arena_release(&p->item);
    arena_release(&p->arena);
}

int divergence_keep(struct divergence *d, struct assay_err *e)
{
    struct pass p = {.d = d};
    encode_init(&p.encode, d->engine);
    const char *path = divergence_path(d, &p.arena);
    const char *part = arena_printf(&p.arena, "%s.part", path);
    int rc = fs_mkdirs(fs_dirname(&p.arena, path), e);
    if (rc >= 0 && !(p.file = fopen(part, "wb")))
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", part);
    if (rc >= 0)
        rc = do_pass(&p, true, e);
    if (p.file) {
        bool broken = ferror(p.file) != 0;
        broken = fclose(p.file) != 0 || broken;
        if (rc >= 0 && (broken || rename(part, path) < 0))
            rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
        if (rc < 0)
            unlink(part);
    }
    pass_release(&p);
    return rc;
}

int divergence_compare(struct divergence *d, struct assay_err *e)
{
    struct pass p = {.d = d};
    encode_init(&p.encode, d->engine);
    const char *path = divergence_path(d, &p.arena);
    int rc = 0;
    if (!(p.file = fopen(path, "rb")))
        rc = err_set(e, ASSAY_EUNSUPPORTED, "the reference kept no logits for this task");
    if (rc >= 0)
        rc = do_pass(&p, false, e);
    if (p.file)
        fclose(p.file);
    pass_release(&p);
    return rc;
}
