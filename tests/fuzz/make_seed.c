/* make_seed.c - writes small valid GGUF files into a folder: first inputs of the model reader's
 * fuzzer.  The smaller an input, the more of them a second sees. */
#include "tests/native/make_gguf.h"

static int save(const char *dir, const char *name, unsigned number, struct buf *b)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s-%u.gguf", dir, name, number);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->v, 1, b->n, f) != b->n || fclose(f) != 0) {
        perror(path);
        return -1;
    }
    buf_release(b);
    return 0;
}

/* A whole model with nine tokens. */
static void pico(uint32_t type, uint32_t width, struct buf *out)
{
    static const char *const pieces[] = {"<unk>", "<s>", "</s>", "\xe2\x96\x81", "a", "b",
                                         "a\xe2\x96\x81", "ab", "<0x0A>"};
    static const int32_t types[] = {2, 3, 3, 1, 1, 1, 1, 1, 6};
    static const float scores[] = {0, 0, 0, -1, -2, -3, -4, -5, 0};
    const struct mk_tiny t = {.n_embd = width, .n_layer = 1, .n_head = 2, .n_head_kv = 1,
                              .n_ff = width, .n_ctx = 16, .type = type};
    struct rng r = {type + 1};
    struct mk g;
    mk_init(&g);
    mk_tiny_keys(&g, &t);
    mk_str(&g, "tokenizer.ggml.model", "llama");
    mk_strs(&g, "tokenizer.ggml.tokens", pieces, 9);
    mk_f32s(&g, "tokenizer.ggml.scores", scores, 9);
    mk_i32s(&g, "tokenizer.ggml.token_type", types, 9);
    mk_u32(&g, "tokenizer.ggml.bos_token_id", 1);
    mk_u32(&g, "tokenizer.ggml.eos_token_id", 2);
    mk_random(&g, &r, "token_embd.weight", type, width, 9, 0, 1);
    mk_random(&g, &r, "output_norm.weight", QT_F32, width, 0, 1, 0.3f);
    mk_layer(&g, &r, &t, 0);
    mk_finish(&g, out);
}

/* Keys of every kind and no tensor. */
static void keys(uint32_t version, struct buf *out)
{
    struct mk g;
    mk_init(&g);
    g.version = version;
    mk_u32(&g, "general.alignment", 64);
    mk_u64(&g, "u64", UINT64_MAX);
    mk_f32(&g, "f32", 1.5f);
    mk_bool(&g, "bool", true);
    mk_str(&g, "text", "\xe2\x96\x81 text");
    mk_strs(&g, "texts", (const char *const[]){"a", "", "b"}, 3);
    mk_i32s(&g, "numbers", (const int32_t[]){-1, 0, 1}, 3);
    mk_finish(&g, out);
}

int main(int argc, char **argv)
{
    static const struct { uint32_t type, width; } picos[] = {
        {QT_F32, 8}, {QT_F16, 8}, {QT_BF16, 8}, {QT_Q8_0, 32}, {QT_Q4_0, 32}, {QT_Q4_1, 32},
        {QT_Q5_0, 32}, {QT_Q5_1, 32}, {QT_Q4_0, 64},
    };
    struct buf b;
    if (argc != 2)
        return 2;
    for (unsigned i = 0; i < sizeof picos / sizeof *picos; i++) {
        pico(picos[i].type, picos[i].width, &b);
        if (save(argv[1], "pico", i, &b) < 0)
            return 1;
    }
    for (unsigned version = 2; version <= 3; version++) {
        keys(version, &b);
        if (save(argv[1], "keys", version, &b) < 0)
            return 1;
    }
    mk_tiny_model(&(struct mk_tiny){.n_embd = 32, .n_layer = 1, .n_head = 2, .n_head_kv = 1,
                                    .n_ff = 32, .n_ctx = 16, .type = QT_Q8_0, .seed = 1}, &b);
    return save(argv[1], "tiny", 8, &b) < 0;
}
