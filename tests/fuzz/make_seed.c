/* make_seed.c - writes tiny valid models into a folder: first inputs of the model reader's fuzzer. */
#include "tests/native/make_gguf.h"

int main(int argc, char **argv)
{
    static const uint32_t types[] = {QT_F32, QT_F16, QT_Q8_0};
    if (argc != 2)
        return 2;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct mk_tiny t = {.n_embd = 32, .n_layer = 1, .n_head = 2, .n_head_kv = 1, .n_ff = 32,
                            .n_ctx = 16, .type = types[i], .tied = i == 1, .seed = i + 1};
        char path[4096];
        struct buf b;
        mk_tiny_model(&t, &b);
        snprintf(path, sizeof path, "%s/tiny-%u.gguf", argv[1], types[i]);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(b.v, 1, b.n, f) != b.n || fclose(f) != 0) {
            perror(path);
            return 1;
        }
        buf_release(&b);
    }
    return 0;
}
