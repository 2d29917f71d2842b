/* checkpoint.c - a training run as one file.
 *
 *   char magic[8], digest[32] of all that follows, settings, shapes and corpus as text (u32 n),
 *   struct trainer_state as four u64, then p, m, v as f32; all little-endian as the machine is.
 * The text decides whether a run may go on from a file: equal or refused. */
#include "backends/native/train/trainer.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEAD = 8 + HASH_BYTES, MAX_TEXT = 4096 };
static const char magic[8] = {'A', 'S', 'Y', 'T', 'R', 'N', '0', '1'};

static void describe(const struct trainer *t, struct buf *b)
{
    const struct trainer_settings *s = &t->set;
    const struct net_config *c = &t->net->cfg;
    buf_printf(b, "vocab %u ctx %u embd %u layers %u heads %u/%u of %u ff %u\n", c->n_vocab,
               c->n_ctx, c->n_embd, c->n_layer, c->n_head, c->n_head_kv, c->head_dim, c->n_ff);
    buf_printf(b, "seed %llu tokens %llu batch %lld/%lld late %.17g micro %lld lanes %d\n",
               (unsigned long long)s->seed, (unsigned long long)s->tokens, (long long)s->batch,
               (long long)s->batch_late, s->late, (long long)s->micro, TRAINER_LANES);
    buf_printf(b, "lr %.17g warmup %.17g decay %.17g final %.17g\n", s->schedule.peak,
               s->schedule.warmup, s->schedule.decay, s->schedule.final);
    buf_printf(b, "b1 %.17g b2 %.17g eps %.17g wd %.17g clip %.17g prompt %.17g\n", s->b1, s->b2,
               s->eps, s->decay, s->clip, s->prompt_weight);
    buf_printf(b, "mode %s mix %.17g\nteacher %s\ncorpus %s\n", s->mode ? s->mode : "fp32", s->mix,
               t->distill ? t->teacher_hex : "none", t->corpus_hex);
}

int trainer_save(const struct trainer *t, const char *path, struct assay_err *e)
{
    struct buf b, text;
    uint8_t digest[HASH_BYTES] = {0};
    const size_t bytes = t->net->n_params * sizeof(float);
    buf_init(&b, (size_t)1 << 36);
    buf_init(&text, MAX_TEXT);
    describe(t, &text);
    const uint32_t n = (uint32_t)text.n;
    buf_add(&b, magic, sizeof magic);
    buf_add(&b, digest, sizeof digest);
    buf_add(&b, &n, sizeof n);
    buf_add(&b, text.v, text.n);
    buf_add(&b, &t->at, sizeof t->at);
    buf_add(&b, t->net->p, bytes);
    buf_add(&b, t->m, bytes);
    buf_add(&b, t->v, bytes);
    int rc = b.failed ? err_set(e, ASSAY_ENOMEM, "%s: no memory for a checkpoint", path) : 0;
    if (rc == 0) {
        hash_bytes(b.v + HEAD, b.n - HEAD, (uint8_t *)b.v + sizeof magic);
        rc = fs_write_atomic(path, b.v, b.n, e);
    }
    buf_release(&text);
    buf_release(&b);
    return rc;
}

/* The line that differs, for the message. */
static int refuse(const char *path, const char *own, const char *theirs, struct assay_err *e)
{
    while (*own && *theirs) {
        const size_t a = strcspn(own, "\n"), b = strcspn(theirs, "\n");
        if (a != b || memcmp(own, theirs, a) != 0)
            return err_set(e, ASSAY_EUSAGE, "%s: made with '%.*s', this run has '%.*s'", path,
                           (int)b, theirs, (int)a, own);
        own += a + 1;
        theirs += b + 1;
    }
    return err_set(e, ASSAY_EUSAGE, "%s: made with other settings", path);
}

static int check_state(const struct trainer *t, const struct trainer_state *s, const char *path,
                       struct assay_err *e)
{
    if (s->at > t->source.corpus->n_examples)
        return err_set(e, ASSAY_EFORMAT, "%s: example %llu of %llu", path,
                       (unsigned long long)s->at, (unsigned long long)t->source.corpus->n_examples);
    return 0;
}

static int check_file(const struct trainer *t, const struct fs_map *m, const char *own,
                      const char *path, struct assay_err *e)
{
    uint8_t digest[HASH_BYTES];
    uint32_t n = 0;
    const size_t rest = sizeof(struct trainer_state) + 3 * t->net->n_params * sizeof(float);
    if (m->n < HEAD + sizeof n || memcmp(m->v, magic, sizeof magic) != 0)
        return err_set(e, ASSAY_EFORMAT, "%s: not a training checkpoint", path);
    hash_bytes(m->v + HEAD, m->n - HEAD, digest);
    if (memcmp(digest, m->v + sizeof magic, sizeof digest) != 0)
        return err_set(e, ASSAY_EFORMAT, "%s: the digest does not fit; the file is cut or damaged",
                       path);
    memcpy(&n, m->v + HEAD, sizeof n);
    if (n > MAX_TEXT || n > m->n - HEAD - sizeof n)
        return err_set(e, ASSAY_EFORMAT, "%s: settings of %u bytes", path, n);
    char theirs[MAX_TEXT + 1];
    memcpy(theirs, m->v + HEAD + sizeof n, n);
    theirs[n] = 0;
    if (strcmp(own, theirs) != 0)
        return refuse(path, own, theirs, e);
    if (m->n - HEAD - sizeof n - n != rest)
        return err_set(e, ASSAY_EFORMAT, "%s: %zu bytes, expected %zu", path, m->n,
                       HEAD + sizeof n + n + rest);
    return 0;
}

int trainer_load(struct trainer *t, const char *path, struct assay_err *e)
{
    struct fs_map m = {0};
    struct buf own;
    struct trainer_state s;
    const size_t bytes = t->net->n_params * sizeof(float);
    TRY(fs_map(path, &m, e));
    buf_init(&own, MAX_TEXT);
    describe(t, &own);
    int rc = check_file(t, &m, own.v, path, e);
    const unsigned char *p = m.v + m.n - 3 * bytes;
    if (rc == 0) {
        memcpy(&s, p - sizeof s, sizeof s);
        rc = check_state(t, &s, path, e);
    }
    if (rc == 0) {
        memcpy(t->net->p, p, bytes);
        memcpy(t->m, p + bytes, bytes);
        memcpy(t->v, p + 2 * bytes, bytes);
        t->at = s;
        batch_seek(&t->source, s.epoch, s.at);
        pack_update(&t->pack, t->pool);
    }
    buf_release(&own);
    fs_unmap(&m);
    return rc;
}
