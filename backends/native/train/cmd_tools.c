/* cmd_tools.c - assay-train corpus, convert and twin: what comes before a run and after it. */
#include "backends/native/gguf.h"
#include "backends/native/train/command.h"
#include "backends/native/train/corpus_text.h"
#include "backends/native/train/net_file.h"
#include "backends/native/train/twin.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"

#include <stdio.h>

int train_require(const char *value, const char *name, struct assay_err *e)
{
    return value ? 0 : err_set(e, ASSAY_EUSAGE, "--%s is missing", name);
}

/* -- corpus ------------------------------------------------------------------------------------ */
static struct corpus_options {
    const char *in, *out, *tokenizer;
    int64_t max;
} corpus;

#define ROW(...) TRAIN_ROW(corpus_options, __VA_ARGS__)
static const struct assay_field corpus_rows[] = {
    ROW("in", ASSAY_STR, in, "-", NULL, "JSON lines of task, text and answer; - is standard input"),
    ROW("out", ASSAY_STR, out, NULL, NULL, "the corpus to write"),
    ROW("tokenizer", ASSAY_STR, tokenizer, NULL, NULL, "GGUF file with the tokenizer"),
    ROW("max", ASSAY_INT, max, "256", "2..65535", "longer examples are left out"),
    TRAIN_END,
};
#undef ROW

static int write_corpus(struct vocab *v, struct assay_err *e)
{
    struct corpus_text c = {
        .vocab = v, .to = corpus_builder_new(vocab_size(v)), .max_len = (uint32_t)corpus.max};
    if (!c.to)
        return err_set(e, ASSAY_ENOMEM, "no memory for a corpus");
    int rc = corpus_text_add(&c, corpus.in, e);
    if (rc == 0)
        rc = corpus_write(c.to, corpus.out, e);
    if (rc == 0)
        printf("%s: %llu examples, %llu tokens; %llu examples of more than %lld tokens left out\n",
               corpus.out, (unsigned long long)corpus_examples(c.to),
               (unsigned long long)corpus_tokens(c.to), (unsigned long long)c.n_long,
               (long long)corpus.max);
    corpus_builder_free(c.to);
    return rc;
}

static int body_corpus(struct assay_err *e)
{
    struct gguf *g = NULL;
    struct vocab *v = NULL;
    TRY(train_require(corpus.out, "out", e));
    TRY(train_require(corpus.tokenizer, "tokenizer", e));
    TRY(gguf_open(corpus.tokenizer, &g, e));
    int rc = vocab_open(g, &v, e);
    gguf_close(g);
    if (rc == 0)
        rc = write_corpus(v, e);
    vocab_close(v);
    return rc;
}

const struct train_command train_corpus = {"corpus", "tokenize JSON lines of text into a corpus",
                                           corpus_rows, &corpus, body_corpus};

/* -- convert ----------------------------------------------------------------------------------- */
static struct convert_options {
    const char *in, *out, *type, *name;
} convert;

#define ROW(...) TRAIN_ROW(convert_options, __VA_ARGS__)
static const struct assay_field convert_rows[] = {
    ROW("in", ASSAY_STR, in, NULL, NULL, "the model, a GGUF file"),
    ROW("out", ASSAY_STR, out, NULL, NULL, "the model to write"),
    ROW("name", ASSAY_STR, name, "assay-ref", NULL, "general.name of the model"),
    ROW("type", ASSAY_ENUM, type, "f16", "f32|f16", "how the weights are stored"),
    TRAIN_END,
};
#undef ROW

static int body_convert(struct assay_err *e)
{
    struct net n;
    const struct net_save save = {
        .path = convert.out, .tokenizer = convert.in, .type = convert.type, .name = convert.name};
    TRY(train_require(convert.in, "in", e));
    TRY(train_require(convert.out, "out", e));
    TRY(net_load(convert.in, &n, e));
    const int rc = net_save(&n, n.p, &save, e);
    net_release(&n);
    return rc;
}

const struct train_command train_convert = {"convert",
                                            "write a model again with weights of another type",
                                            convert_rows, &convert, body_convert};

/* -- twin -------------------------------------------------------------------------------------- */
static struct twin_options {
    const char *in, *out, *type;
    int64_t channels, seed;
    double scale;
} twin;

#define ROW(...) TRAIN_ROW(twin_options, __VA_ARGS__)
static const struct assay_field twin_rows[] = {
    ROW("in", ASSAY_STR, in, NULL, NULL, "the model, a GGUF file"),
    ROW("out", ASSAY_STR, out, NULL, NULL, "the twin to write"),
    ROW("channels", ASSAY_INT, channels, "4", "1..16384",
        "outlier channels of each norm and of up"),
    ROW("scale", ASSAY_NUM, scale, "512", "1..65536", "how much larger; a power of two is exact"),
    ROW("seed", ASSAY_INT, seed, "1", "0..9223372036854775807", "which channels"),
    ROW("type", ASSAY_ENUM, type, "f32", "f32|f16", "how the weights are stored"),
    TRAIN_END,
};
#undef ROW

static int body_twin(struct assay_err *e)
{
    struct net n;
    const struct twin t = {(uint32_t)twin.channels, twin.scale, (uint64_t)twin.seed};
    const struct net_save save = {.path = twin.out,
                                  .tokenizer = twin.in,
                                  .type = twin.type,
                                  .name = "assay-ref outlier twin"};
    TRY(train_require(twin.in, "in", e));
    TRY(train_require(twin.out, "out", e));
    TRY(net_load(twin.in, &n, e));
    int rc = twin_make(&t, &n, e);
    if (rc == 0)
        rc = net_save(&n, n.p, &save, e);
    net_release(&n);
    return rc;
}

const struct train_command train_twin = {
    "twin", "make a model with outlier channels that computes the same", twin_rows, &twin,
    body_twin};
