/* train_test.h - small corpora, networks and tokenizer files for the trainer's tests. */
#ifndef TRAIN_TEST_H
#define TRAIN_TEST_H
#include <stdio.h>
#include <unistd.h>

#include "backends/native/kern.h"
#include "backends/native/train/corpus.h"
#include "backends/native/train/net_file.h"
#include "backends/native/train/trainer.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/pool.h"
#include "tests/native/make_gguf.h"

static char tt_dir[256];
static struct kern tt_kern;

static inline int tt_setup(void **state)
{
    struct assay_err e;
    const char *tmp = getenv("TMPDIR");
    (void)state;
    snprintf(tt_dir, sizeof tt_dir, "%s/assay-train-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    return !mkdtemp(tt_dir) || kern_open(getenv("ASSAY_CPU"), &tt_kern, &e) < 0;
}
static inline int tt_teardown(void **state)
{
    char cmd[300];
    (void)state;
    snprintf(cmd, sizeof cmd, "rm -r '%s'", tt_dir);
    return system(cmd);
}
/* One of many path buffers, in turn. */
static inline const char *tt_path(const char *name)
{
    static char paths[256][320];
    static int next;
    char *p = paths[next++ % 256];
    snprintf(p, sizeof paths[0], "%s/%s", tt_dir, name);
    return p;
}
#define ok(call)                                                                                   \
    do {                                                                                           \
        struct assay_err *e_ = &tt_err;                                                            \
        e_->msg[0] = 0;                                                                            \
        if ((call) < 0)                                                                            \
            fail_msg("%s: %s", #call, e_->msg);                                                    \
    } while (0)
static struct assay_err tt_err;

/* The call fails with this code, and its message holds this text. */
#define refuses(call, code, text)                                                                  \
    do {                                                                                           \
        tt_err.msg[0] = 0;                                                                         \
        assert_int_equal((call), (code));                                                          \
        if (!strstr(tt_err.msg, (text)))                                                           \
            fail_msg("'%s' does not say '%s'", tt_err.msg, (text));                                \
    } while (0)

/* A toy language: "first x x+1 x+2 ..." modulo n_vocab - 2; the steps are answers. */
static inline void tt_corpus(const char *path, uint32_t n_vocab, uint32_t n_examples, uint32_t max,
                             uint64_t seed)
{
    struct corpus_builder *b = corpus_builder_new(n_vocab);
    struct rng r = {seed};
    uint16_t tokens[256];
    uint8_t classes[256];
    for (uint32_t i = 0; i < n_examples; i++) {
        struct corpus_example x = {tokens, classes, 4 + (uint32_t)rng_below(&r, max - 3), 0};
        const uint64_t start = rng_below(&r, n_vocab - 2), step = 1 + i % 2;
        ok(corpus_task(b, i % 2 ? "twos" : "ones", &x.task, &tt_err));
        tokens[0] = (uint16_t)(n_vocab - step);
        for (uint32_t k = 1; k < x.n; k++)
            tokens[k] = (uint16_t)((start + k * step) % (n_vocab - 2));
        for (uint32_t k = 0; k < x.n; k++)
            classes[k] = k > 1 ? CORPUS_ANSWER : CORPUS_PROMPT;
        ok(corpus_add(b, &x, &tt_err));
    }
    ok(corpus_write(b, path, &tt_err));
    corpus_builder_free(b);
}

static const struct net_config tt_small = {19, 12, 16, 2, 4, 2, 4, 24};
/* Fits make_gguf's vocabulary; groups of 32 divide every row. */
static const struct net_config tt_export = {MK_VOCAB, 16, 64, 2, 4, 2, 16, 96};

static const struct trainer_settings tt_settings = {
    .seed = 7, .tokens = 100000, .batch = 64, .batch_late = 128, .late = 0.5, .micro = 16,
    .schedule = {0.003, 0.05, 0.3, 0.03}, .b1 = 0.9, .b2 = 0.98, .eps = 1e-8, .decay = 0.05,
    .clip = 1, .prompt_weight = 0.05,
};

struct tt_run {
    struct net net;
    struct corpus corpus;
    struct pool *pool;
    struct trainer *t;
};
static inline void tt_open(struct tt_run *r, const struct net_config *c,
                           const struct trainer_settings *s, int threads)
{
    memset(r, 0, sizeof *r);
    tt_corpus(tt_path("corpus"), c->n_vocab, 300, c->n_ctx, 5);
    ok(corpus_open(tt_path("corpus"), &r->corpus, &tt_err));
    ok(net_new(c, &r->net, &tt_err));
    net_init(&r->net, s->seed);
    r->pool = pool_new(threads);
    const struct trainer_parts parts = {&r->net, NULL, &r->corpus, &tt_kern, r->pool};
    ok(trainer_new(s, &parts, &r->t, &tt_err));
}
static inline void tt_close(struct tt_run *r)
{
    trainer_free(r->t);
    pool_free(r->pool);
    net_release(&r->net);
    corpus_close(&r->corpus);
}
static inline double tt_steps(struct tt_run *r, int n)
{
    struct trainer_report report = {0};
    for (int i = 0; i < n; i++)
        ok(trainer_step(r->t, &report, &tt_err));
    return report.ce;
}
/* A GGUF that holds nothing but a tokenizer of MK_VOCAB pieces. */
static inline const char *tt_tokenizer(void)
{
    struct mk g;
    struct buf b;
    mk_init(&g);
    mk_str(&g, "general.architecture", "llama");
    mk_vocab(&g);
    mk_finish(&g, &b);
    const char *path = tt_path("tokenizer.gguf");
    ok(fs_write_atomic(path, b.v, b.n, &tt_err));
    buf_release(&b);
    return path;
}
#endif
