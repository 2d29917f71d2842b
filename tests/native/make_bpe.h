/* make_bpe.h - the vocabulary that tests/golden/bpe-tokens.tsv is about: trained on the texts of
 * tests/golden/bpe-texts.txt, each taken as one word, so that it has pieces across every place
 * where a pre-tokenizer may cut: a wrong cut shows. */
#ifndef MAKE_BPE_H
#define MAKE_BPE_H
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/train/bpe_train.h"
#include "backends/native/train/gguf_write.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

#define BPE_TEXTS "tests/golden/bpe-texts.txt"
enum { BPE_VOCAB = 1400, BPE_LINE = 1 << 14 };
static const char *const bpe_pres[] = {"default", "gpt-2",  "llama-bpe", "qwen2",
                                       "qwen35",  "smollm", "falcon",    "deepseek-coder"};
enum { BPE_PRES = sizeof bpe_pres / sizeof *bpe_pres };

/* The escaped line, up to its newline or tab -> bytes. */
static inline size_t bpe_unescape(const char *s, char *out)
{
    size_t n = 0;
    while (*s && *s != '\n' && *s != '\t') {
        if (s[0] == '\\' && s[1] == 'x') {
            char hex[3] = {s[2], s[3], 0};
            out[n++] = (char)strtol(hex, NULL, 16);
            s += 4;
        } else {
            out[n++] = *s++;
        }
    }
    return n;
}

/* Writes it with that pre-tokenizer; 0 or an error. */
static inline int bpe_make(const char *pre, const char *path, struct assay_err *e)
{
    static const struct bpe_special specials[] = {
        {"<s>", BPE_CONTROL},
        {"</s>", BPE_CONTROL},
        {"<|im_end|>", BPE_CONTROL},
        {"<tag>", BPE_TAG}};
    static char line[BPE_LINE], text[BPE_LINE];
    const struct bpe_options o = {.n_vocab = BPE_VOCAB, .pre = pre, .specials = specials,
                                  .n_specials = 4, .bos = 0, .eos = 1};
    struct bpe_train *t;
    FILE *f = fopen(BPE_TEXTS, "r");
    if (!f)
        return err_errno(e, ASSAY_EIO, "%s", BPE_TEXTS);
    int rc = bpe_train_open(&o, &t, e);
    if (rc < 0) {
        fclose(f);
        return rc;
    }
    while (fgets(line, sizeof line, f)) {
        size_t n = bpe_unescape(line, text);
        if (text_valid(text, n, NULL))
            bpe_train_word(t, text, n);
    }
    fclose(f);
    rc = bpe_train_run(t, e);
    if (rc == 0) {
        struct gguf_out *g = gguf_out_new();
        gguf_out_str(g, "general.architecture", "llama");
        gguf_out_u32(g, "llama.vocab_size", BPE_VOCAB);
        bpe_train_write(t, g);
        rc = gguf_out_write(g, path, e);
        gguf_out_free(g);
    }
    bpe_train_close(t);
    return rc;
}
#endif
