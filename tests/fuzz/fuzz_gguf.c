/* fuzz_gguf.c - the model reader: directory, every tensor byte, vocabulary, tokenizer, weights. */
#include "tests/fuzz/fuzz.h"

#include "backends/native/gguf.h"
#include "backends/native/model.h"
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const precisions[] = {"stored", "int4", "w8a8", "q4_0"};
    void *p = aligned_alloc(16, (n + 16) & ~(size_t)15);
    struct gguf *g = NULL;
    memcpy(p, data, n);
    if (gguf_parse(p, n, "fuzz.gguf", &g, NULL) == 0) {
        read_all(g);
        gguf_close(g);
        struct model *m = NULL;
        struct model_options o = {.path = fuzz_file("fuzz.gguf", data, n),
                                  .precision = precisions[n % 4], .kv = "f32", .threads = 1};
        if (model_open(&o, &m, NULL) == 0)
            model_close(m);
    }
    free(p);
    return 0;
}
