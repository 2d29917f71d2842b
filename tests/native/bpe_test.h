/* bpe_test.h - what the tests of reading and of training byte-level BPE share.  Include cmocka.h
 * and what it needs first. */
#ifndef BPE_TEST_H
#define BPE_TEST_H
#include "backends/native/vocab.h"
#include "harness/base/err.h"
#include "tests/native/make_bpe.h"
#include "tests/native/make_gguf.h"

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline char *fresh_path(void)
{
    struct buf empty;
    buf_init(&empty, 0);
    char *path = mk_write(&empty);
    buf_release(&empty);
    return path;
}

/* Opens and removes the file. */
static inline struct vocab *open_once(char *path)
{
    struct assay_err e = {0};
    struct gguf *g = NULL;
    struct vocab *v = NULL;
    if (gguf_open(path, &g, &e) < 0 || vocab_open(g, &v, &e) < 0)
        fail_msg("%s", e.msg);
    gguf_close(g);
    unlink(path);
    free(path);
    return v;
}

/* Pieces of the text, '|' between. */
static inline void encode(struct vocab *v, const char *text, int special, const char *expected)
{
    int32_t ids[256];
    size_t n = 0;
    struct assay_err e = {0};
    char got[1024] = "";
    if (vocab_encode(v, text, strlen(text), special, ids, 256, &n, &e) < 0)
        fail_msg("%s", e.msg);
    for (size_t i = 0; i < n; i++) {
        size_t len, at = strlen(got);
        const char *p = vocab_piece(v, ids[i], &len);
        snprintf(got + at, sizeof got - at, "%s%.*s", i ? "|" : "", (int)len, p);
    }
    assert_string_equal(got, expected);
}
#endif
