/* fuzz_gguf.c - the model reader: directory, every tensor byte, vocabulary, tokenizer, weights, and
 * a forward pass over whatever model came out. */
#include "tests/fuzz/fuzz.h"

#include "backends/native/gguf.h"
#include "backends/native/model.h"
#include "backends/native/native.h"
#include "backends/native/vocab.h"

static void read_all(const struct gguf *g)
{
    volatile unsigned char sum = 0;
    for (uint32_t i = 0; i < g->n_tensors; i++)
        for (size_t k = 0; k < g->tensors[i].bytes; k++)
            sum = (unsigned char)(sum + g->tensors[i].v[k]);
    struct vocab *v = NULL;
    if (vocab_open(g, &v, NULL) == 0) {
        int32_t ids[64];
        size_t n;
        vocab_encode(v, "a \xf0\x9f\x98\x80 <s> b", 13, 1, ids, 64, &n, NULL);
        vocab_close(v);
    }
}

/* Opening checks the shapes; computing shows that what was checked is what is used. */
static void compute(const struct model_options *o)
{
    const struct assay_backend *b = native_backend();
    struct assay_model *m = NULL;
    int32_t ids[4];
    size_t n;
    double logprob[2];
    if (b->open(o, &m, NULL) < 0)
        return;
    if (b->tokenize(m, "a b", 3, 1, ids, 4, &n, NULL) == 0 && n >= 3 && n <= 4) {
        struct assay_score_req req = {.size = sizeof req, .prefix = {ids, n - 2},
                                      .continuation = {ids + n - 2, 2}, .logprob = logprob};
        struct assay_score_req *reqs[] = {&req};
        b->score(m, reqs, 1, NULL, NULL, NULL);
    }
    b->close(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const precisions[] = {"stored", "int4", "w8a8", "q4_0"};
    if (n > 1 << 16)
        return 0;
    void *p = aligned_alloc(16, (n + 16) & ~(size_t)15);
    struct gguf *g = NULL;
    if (!p)
        abort();
    memcpy(p, data, n);
    if (gguf_parse(p, n, "fuzz.gguf", &g, NULL) == 0) {
        read_all(g);
        gguf_close(g);
        compute(&(struct model_options){.path = fuzz_file("fuzz.gguf", data, n), .kv = "f32",
                                        .precision = precisions[n % 4], .threads = 1});
    }
    free(p);
    return 0;
}
