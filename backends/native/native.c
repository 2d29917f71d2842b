/* native.c - the contract's methods over model.h, vocab.h and forward.h; nothing is computed here.
 *
 * Structs that grow are filled through copy_out, which never writes past the size their owner
 * stated. */
#include "backends/native/native.h"
#include <stdlib.h>
#include <string.h>
#include "backends/native/forward.h"
#include "backends/native/kern.h"
#include "backends/native/model.h"
#include "backends/native/precision.h"
#include "backends/native/vocab.h"
#include "harness/base/err.h"

struct assay_model {
    struct model *m;
};

#define ROW(name, kind, member, def, values, help)                            \
    {                                                                         \
        name, kind, offsetof(struct model_options, member), def, values, help \
    }
static const struct assay_field options[] = {
    ROW("model", ASSAY_PATH, path, NULL, NULL, "path of a GGUF file"),
    ROW("precision", ASSAY_ENUM, precision, "fp32", PRECISION_NAMES,
        "what the weights become at load; stored keeps the file's own formats"),
    ROW("kv", ASSAY_ENUM, kv, "f32", PRECISION_KV, "type of the KV cache"),
    ROW("group", ASSAY_INT, group, "0", "0..1048576",
        "weights per scale for int2 to int8 and int2a to int8a; 0 is 32, but a row for 8 bits"),
    ROW("keep", ASSAY_STR, keep, NULL, NULL,
        "tensors at another precision, first match wins: 'fp16:output,blk.0.*;q8_0:*.ffn_down'"),
    ROW("calibrate", ASSAY_PATH, calibrate, NULL, NULL,
        "text file whose lines measure activations at load, for smooth, rounding and w8a8_static"),
    ROW("smooth", ASSAY_NUM, smooth, "0", "0..1",
        "SmoothQuant: how far activation outliers move into weights, 0.5 is usual; 0 is off"),
    ROW("rounding", ASSAY_ENUM, rounding, "nearest", "nearest|gptq|awq",
        "gptq passes each weight's error on to others, awq first scales columns to lose least"),
    ROW("percentile", ASSAY_NUM, percentile, "100", "50..100",
        "w8a8_static: percentile of the calibration activations that must not saturate"),
    ROW("ctx", ASSAY_INT, n_ctx, "0", "0..1048576", "context in tokens; 0 is the model's"),
    ROW("threads", ASSAY_INT, threads, "0", "0..1024", "threads that compute; 0 is all processors"),
    {NULL, 0, 0, NULL, NULL, NULL},
};

static int copy_out(void *out, uint32_t size, const void *own, uint32_t own_size, const char *what,
                    struct assay_err *e)
{
    uint32_t n = size < own_size ? size : own_size;
    if (size < sizeof size)
        return err_set(e, ASSAY_EUSAGE, "the caller did not state the size of struct %s", what);
    memcpy((char *)out + sizeof n, (const char *)own + sizeof n, n - sizeof n);
    return 0;
}

static void native_close(struct assay_model *h)
{
    if (!h)
        return;
    if (h->m)
        forward_free(h->m->forward);
    model_close(h->m);
    free(h);
}

static int native_open(const void *o, struct assay_model **out, struct assay_err *e)
{
    struct assay_model *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(e, ASSAY_ENOMEM, "no memory for a model");
    int rc = model_open(o, &h->m, e);
    if (!rc)
        rc = forward_new(h->m, &h->m->forward, e);
    if (rc < 0)
        native_close(h);
    else
        *out = h;
    return rc;
}

static int native_open_facts(const void *o, struct assay_model **out, struct assay_err *e)
{
    struct assay_model *h = calloc(1, sizeof *h);
    if (!h)
        return err_set(e, ASSAY_ENOMEM, "no memory for a model");
    int rc = model_open_facts(o, &h->m, e);
    if (rc < 0)
        native_close(h);
    else
        *out = h;
    return rc;
}

static int native_info(struct assay_model *h, struct assay_info *out, struct assay_err *e)
{
    const struct model *m = h->m;
    const struct assay_info info = {
        .caps = m->forward ? ASSAY_CAN_TOKENIZE | ASSAY_CAN_SCORE | ASSAY_CAN_GENERATE | ASSAY_CAN_PROBE
                           : ASSAY_CAN_TOKENIZE,
        .n_vocab = m->hp.n_vocab,
        .n_ctx = m->hp.n_ctx,
        .bos = vocab_bos(m->vocab),
        .eos = vocab_eos(m->vocab),
        .add_bos = vocab_add_bos(m->vocab),
        .n_tensors = m->n_tensors,
        .n_params = m->n_params,
        .weight_bytes = m->weight_bytes,
        .arch = m->arch,
        .precision = m->precision,
        .kernel = m->kern ? m->kern->name : NULL,
        .device = "cpu",
        .fingerprint = m->fingerprint,
        .tensors = m->tensors,
        .chat_template = m->chat_template,
        .bos_text = vocab_special_text(m->vocab, vocab_bos(m->vocab)),
        .eos_text = vocab_special_text(m->vocab, vocab_eos(m->vocab)),
        .n_chat_templates = m->n_chat_templates,
        .chat_templates = m->chat_templates,
    };
    return copy_out(out, out->size, &info, sizeof info, "assay_info", e);
}

static int native_tokenize(struct assay_model *h, const char *text, size_t len, int special,
                           int32_t *out, size_t cap, size_t *n, struct assay_err *e)
{
    return vocab_encode(h->m->vocab, text, len, special, out, cap, n, e);
}

static int native_piece(struct assay_model *h, int32_t token, char *out, size_t cap, size_t *n,
                        struct assay_err *e)
{
    if (token < 0 || (uint32_t)token >= h->m->hp.n_vocab)
        return err_set(e, ASSAY_EUSAGE, "token %d is not in the vocabulary of %u", token,
                       h->m->hp.n_vocab);
    const char *piece = vocab_piece(h->m->vocab, token, n);
    if (cap)
        memcpy(out, piece, *n < cap ? *n : cap);
    return 0;
}

static int native_score(struct assay_model *h, struct assay_score_req *const *reqs, size_t n,
                        assay_done_fn *on_done, void *user, struct assay_err *e)
{
    return forward_score(h->m->forward, reqs, n, on_done, user, e);
}

static int native_generate(struct assay_model *h, struct assay_generate_req *const *reqs, size_t n,
                           assay_done_fn *on_done, void *user, struct assay_err *e)
{
    return forward_generate(h->m->forward, reqs, n, on_done, user, e);
}

static int native_probe(struct assay_model *h, const struct assay_probe_req *req,
                        struct assay_err *e)
{
    return forward_probe(h->m->forward, req, e);
}

static int native_memory(struct assay_model *h, struct assay_memory *out, struct assay_err *e)
{
    struct assay_memory memory = {.size = sizeof memory};
    forward_memory(h->m->forward, &memory);
    return copy_out(out, out->size, &memory, sizeof memory, "assay_memory", e);
}

static int native_usage(struct assay_model *h, struct assay_usage *out, struct assay_err *e)
{
    struct assay_usage usage = {.size = sizeof usage};
    forward_usage(h->m->forward, &usage);
    return copy_out(out, out->size, &usage, sizeof usage, "assay_usage", e);
}

const struct assay_backend *native_backend(void)
{
    static const struct assay_backend backend = {
        .size = sizeof backend,
        .options_size = sizeof(struct model_options),
        .name = "native",
        .version = "1",
        .help = "built-in engine: GGUF models of architecture llama on the CPU",
        .options = options,
        .open = native_open,
        .close = native_close,
        .info = native_info,
        .tokenize = native_tokenize,
        .score = native_score,
        .generate = native_generate,
        .probe = native_probe,
        .memory = native_memory,
        .usage = native_usage,
        .piece = native_piece,
        .open_facts = native_open_facts,
    };
    return &backend;
}
