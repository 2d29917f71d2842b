/* make_models.c - writes the models of the command-line tests into a folder: tiny.gguf, which is
 * whole, and others that each have one thing wrong, named by it. */
#include "tests/native/make_gguf.h"

static const struct mk_tiny tiny = {.n_embd = 64, .n_layer = 2, .n_head = 4, .n_head_kv = 2,
                                    .n_ff = 96, .n_ctx = 1024, .type = QT_F32, .seed = 1};
static const char *folder;

static void save(const char *name, struct buf *b, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.gguf", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(b->v, 1, n, f) != n || fclose(f) != 0) {
        perror(path);
        exit(1);
    }
}

/* The whole model with 8 bytes at `at` replaced. */
static void patched(const char *name, size_t at, uint64_t x)
{
    struct buf b;
    mk_tiny_model(&tiny, &b);
    for (unsigned i = 0; i < 8; i++)
        b.v[at + i] = (char)(x >> 8 * i);
    save(name, &b, b.n);
    buf_release(&b);
}

/* The place of a text in the whole model's bytes. */
static size_t find(const char *text)
{
    struct buf b;
    mk_tiny_model(&tiny, &b);
    const char *p = memmem(b.v, b.n, text, strlen(text));
    if (!p)
        abort();
    size_t at = (size_t)(p - b.v);
    buf_release(&b);
    return at;
}

/* Cut in the header, among the keys, among the tensors' descriptions, and in the last tensor. */
static void cut(void)
{
    struct buf b;
    mk_tiny_model(&tiny, &b);
    save("tiny", &b, b.n);
    save("cut-magic", &b, 3);
    save("cut-header", &b, 20);
    save("cut-keys", &b, 900);
    save("cut-infos", &b, find("blk.1.ffn_down") + 4);
    save("cut-data", &b, b.n - 1);
    buf_release(&b);
}

/* With a chat template, of which "@NUL@" becomes a NUL byte and more, and two by name. */
static void chat(const char *name, const char *template)
{
    struct mk g;
    struct buf b;
    mk_init(&g);
    mk_tiny_keys(&g, &tiny);
    mk_vocab(&g);
    mk_bool(&g, "tokenizer.ggml.add_bos_token", true);
    mk_str(&g, "tokenizer.chat_template", template);
    mk_str(&g, "tokenizer.chat_template.last", "{{ messages[-1].content }}");
    mk_str(&g, "tokenizer.chat_template.closed", "{{ messages[-1].content }}{{ eos_token }}");
    mk_tiny_tensors(&g, &tiny);
    mk_finish(&g, &b);
    char *nul = memmem(b.v, b.n, "@NUL@", 5);
    if (nul)
        *nul = 0;
    save(name, &b, b.n);
    buf_release(&b);
}

static void architecture(const char *name, const char *arch)
{
    struct mk g;
    struct buf b;
    mk_init(&g);
    mk_str(&g, "general.architecture", arch);
    mk_finish(&g, &b);
    save(name, &b, b.n);
    buf_release(&b);
}

static void other_vocabulary(void)
{
    struct mk g;
    struct buf b;
    mk_init(&g);
    mk_tiny_keys(&g, &tiny);
    mk_str(&g, "tokenizer.ggml.model", "t5");
    mk_tiny_tensors(&g, &tiny);
    mk_finish(&g, &b);
    save("vocabulary", &b, b.n);
    buf_release(&b);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    folder = argv[1];
    cut();
    patched("tensor-count", 8, UINT64_MAX);
    patched("key-count", 16, (uint64_t)1 << 60);
    patched("string-length", 24, UINT64_MAX - 4);          /* of the first key */
    patched("array-count", find("tokenizer.ggml.tokens") + 21 + 4 + 4, (uint64_t)1 << 61);
    /* after a tensor's name: n_dims, two dims, type, offset */
    size_t info = find("blk.0.attn_q.weight") + 19;
    patched("dimension", info + 4, (uint64_t)1 << 62);
    patched("tensor-offset", info + 4 + 16 + 4, UINT64_MAX - 31);
    patched("tensor-type", info + 4 + 16, 16);             /* IQ2_XXS: not read; offset becomes 0 */
    architecture("architecture", "gpt2");
    architecture("architecture-hostile", "\x1b[31mllama\n");
    other_vocabulary();
    chat("chat", "{{ bos_token }}{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{{ eos_token }}\n{% endfor %}"
                 "{% if add_generation_prompt %}<|assistant|>{% endif %}");
    chat("chat-other", "{% for m in messages %}{{ m.content }}\n{% endfor %}");
    chat("chat-deaf", "{{ messages[0].content }}");
    chat("chat-nul", "{{ messages[0].content }}@NUL@");
    return 0;
}
