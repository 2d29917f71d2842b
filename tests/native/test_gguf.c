/* The reader takes what llama.cpp's converter writes, refuses every damaged variant of it with path
 * and offset, and never reads outside the file (run under AddressSanitizer). */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "harness/base/err.h"
#include "tests/native/make_gguf.h"

#define MODEL "../shared/models/stories260K.gguf"

static int parse_bytes(const void *v, size_t n, struct assay_err *e)
{
    struct gguf *g = NULL;
    /* Exactly sized, so that sanitizers see a read beyond the end. */
    void *p = malloc(n ? n : 1);
    memcpy(p, v, n);
    *e = (struct assay_err){0};
    int rc = gguf_parse(p, n, "m.gguf", &g, e);
    if (!rc)
        gguf_close(g);
    free(p);
    return rc;
}

static void expect(const struct buf *b, int code, const char *word)
{
    struct assay_err e;
    int rc = parse_bytes(b->v, b->n, &e);
    if (rc != code || strncmp(e.msg, "m.gguf: offset ", 15) || !strstr(e.msg, word))
        fail_msg("%d, expected %d with '%s': %s", rc, code, word, e.msg);
}

static void refuse(struct mk *m, int code, const char *word)
{
    struct buf b;
    mk_finish(m, &b);
    expect(&b, code, word);
    buf_release(&b);
}

static void reads_values(void **state)
{
    (void)state;
    struct mk m;
    struct buf b;
    struct gguf *g = NULL;
    struct assay_err e = {0};
    uint64_t u = 0;
    double f = 0;
    bool yes = false;
    struct gguf_str s;
    mk_init(&m);
    mk_u32(&m, "u32", 7);
    mk_u64(&m, "u64", 1ull << 40);
    mk_f32(&m, "f32", 0.5f);
    mk_bool(&m, "yes", true);
    mk_str(&m, "str", "text");
    mk_i32s(&m, "ints", (int32_t[]){3, -4}, 2);
    mk_key(&m, "i16", GGUF_I16);
    mk_le(&m.kv, 0xFFFF, 2);
    mk_tensor(&m, "b", QT_F32, 2, (uint64_t[]){4, 2}, "01234567012345670123456701234567", 32);
    mk_tensor(&m, "a", QT_F16, 1, (uint64_t[]){3}, "abcdef", 6);
    mk_finish(&m, &b);
    assert_int_equal(gguf_parse(b.v, b.n, "m", &g, &e), 0);
    assert_int_equal(gguf_uint(g, "u32", &u, &e), 1);
    assert_int_equal(u, 7);
    assert_int_equal(gguf_uint(g, "u64", &u, &e), 1);
    assert_int_equal(u, 1ull << 40);
    assert_int_equal(gguf_uint(g, "none", &u, &e), 0);
    assert_int_equal(gguf_uint(g, "i16", &u, &e), ASSAY_EFORMAT);
    assert_int_equal(gguf_uint(g, "str", &u, &e), ASSAY_EFORMAT);
    assert_int_equal(gguf_float(g, "f32", &f, &e), 1);
    assert_true(f == 0.5);
    assert_int_equal(gguf_float(g, "u32", &f, &e), ASSAY_EFORMAT);
    assert_int_equal(gguf_bool(g, "yes", &yes, &e), 1);
    assert_true(yes);
    assert_int_equal(gguf_string(g, "str", &s, &e), 1);
    assert_true(gguf_str_is(s, "text"));
    assert_int_equal(gguf_int_at(gguf_find(g, "ints"), 1), -4);
    const struct gguf_tensor *t = gguf_tensor(g, "a");
    assert_non_null(t);
    assert_int_equal(t->bytes, 6);
    assert_memory_equal(t->v, "abcdef", 6);
    assert_string_equal(g->tensors[0].name, "b");
    assert_int_equal(gguf_tensor(g, "b")->n_params, 8);
    assert_null(gguf_tensor(g, "c"));
    gguf_close(g);
    buf_release(&b);
}

static void reads_stories260k(void **state)
{
    (void)state;
    struct gguf *g = NULL;
    struct assay_err e = {0};
    if (access(MODEL, R_OK)) {
        print_message("skipped: %s is absent\n", MODEL);
        skip();
    }
    if (gguf_open(MODEL, &g, &e) < 0)
        fail_msg("%s", e.msg);
    assert_int_equal(g->n_tensors, 48);
    assert_int_equal(g->n_kv, 19);
    assert_int_equal(gguf_tensor(g, "blk.4.ffn_down.weight")->dims[0], 172);
    gguf_close(g);
}

static void truncated(void **state)
{
    (void)state;
    struct mk_tiny t = mk_tiny_default;
    struct buf b;
    struct assay_err e;
    t.n_layer = 1;
    mk_tiny_model(&t, &b);
    assert_int_equal(parse_bytes(b.v, b.n, &e), 0);
    size_t directory = 0; /* every byte of what comes before the data, then samples */
    for (size_t n = 0; n < b.n; n += n < 12000 ? 1 : 997) {
        int rc = parse_bytes(b.v, n, &e);
        if (rc != ASSAY_EFORMAT || strncmp(e.msg, "m.gguf: offset ", 15))
            fail_msg("cut at %zu of %zu: %d %s", n, b.n, rc, e.msg);
        directory++;
    }
    assert_true(directory > 12000);
    assert_int_equal(parse_bytes(b.v, b.n - 1, &e), ASSAY_EFORMAT);
    buf_release(&b);
}

/* Any byte of the directory replaced: refused or read, never a crash. */
static void flipped(void **state)
{
    (void)state;
    struct mk_tiny t = mk_tiny_default;
    struct buf b;
    struct assay_err e;
    size_t n_refused = 0, n_read = 0;
    struct rng r = {7};
    t.n_layer = 1;
    mk_tiny_model(&t, &b);
    for (size_t at = 0; at < 11000; at += 1 + rng_below(&r, 7)) {
        char old = b.v[at];
        b.v[at] = (char)(rng_below(&r, 2) ? 0xFF : rng_below(&r, 256));
        int rc = parse_bytes(b.v, b.n, &e);
        n_refused += rc < 0;
        n_read += rc == 0;
        b.v[at] = old;
    }
    assert_true(n_refused > 500 && n_read > 500);
    buf_release(&b);
}

static void header(void **state)
{
    (void)state;
    struct mk m;
    struct buf b;
    mk_init(&m);
    mk_finish(&m, &b);
    b.v[0] = 'X';
    expect(&b, ASSAY_EFORMAT, "not a GGUF file");
    b.v[0] = 'G';
    b.v[4] = 1;
    expect(&b, ASSAY_EUNSUPPORTED, "version 1");
    b.v[4] = 4;
    expect(&b, ASSAY_EUNSUPPORTED, "version 4");
    b.v[4] = 0;
    b.v[7] = 3;
    expect(&b, ASSAY_EUNSUPPORTED, "big-endian");
    b.v[4] = 2;
    b.v[7] = 0;
    struct assay_err e;
    assert_int_equal(parse_bytes(b.v, b.n, &e), 0);
    memset(b.v + 8, 0xFF, 8);
    expect(&b, ASSAY_EFORMAT, "number of tensors");
    memset(b.v + 8, 0, 8);
    memset(b.v + 16, 0x7F, 8);
    expect(&b, ASSAY_EFORMAT, "number of metadata keys");
    buf_release(&b);
}

static void hostile_metadata(void **state)
{
    (void)state;
    struct mk m;
    mk_init(&m);
    mk_u32(&m, "k", 1);
    mk_u32(&m, "k", 2);
    refuse(&m, ASSAY_EFORMAT, "'k' appears twice");
    mk_init(&m);
    mk_u32(&m, "", 1);
    refuse(&m, ASSAY_EFORMAT, "key of 0 bytes");
    mk_init(&m);
    mk_key(&m, "k", 13);
    mk_le(&m.kv, 0, 8);
    refuse(&m, ASSAY_EFORMAT, "value type 13");
    mk_init(&m);
    mk_array(&m, "k", GGUF_ARRAY, 0);
    refuse(&m, ASSAY_EFORMAT, "in an array");
    mk_init(&m);
    mk_array(&m, "k", GGUF_U8, UINT64_MAX);
    refuse(&m, ASSAY_EFORMAT, "items of 1 bytes");
    mk_init(&m);
    mk_array(&m, "k", GGUF_F64, UINT64_MAX / 8 + 2);
    refuse(&m, ASSAY_EFORMAT, "items of 8 bytes");
    mk_init(&m);
    mk_array(&m, "k", GGUF_STR, UINT64_MAX / 8);
    refuse(&m, ASSAY_EFORMAT, "strings");
    mk_init(&m);
    mk_key(&m, "k", GGUF_STR);
    mk_le(&m.kv, UINT64_MAX - 3, 8);
    refuse(&m, ASSAY_EFORMAT, "bytes long");
    mk_init(&m);
    mk_key(&m, "k", GGUF_BOOL);
    mk_le(&m.kv, 2, 1);
    refuse(&m, ASSAY_EFORMAT, "expected 0 or 1");
    mk_init(&m);
    mk_u32(&m, "general.alignment", 48);
    refuse(&m, ASSAY_EFORMAT, "power of two");
    mk_init(&m);
    mk_u32(&m, "split.count", 3);
    mk_u32(&m, "split.no", 1);
    refuse(&m, ASSAY_EUNSUPPORTED, "part 2 of a file split into 3");
}

static void tensor(const char *name, uint32_t type, uint32_t n_dims, const uint64_t *dims, int code,
                   const char *word)
{
    struct mk m;
    mk_init(&m);
    mk_tensor(&m, name, type, n_dims, dims, "0123456789abcdef0123456789abcdef", 32);
    refuse(&m, code, word);
}

static void hostile_tensors(void **state)
{
    (void)state;
    const uint64_t eight[] = {8}, zero[] = {0}, seven[] = {7}, big[] = {1ull << 40};
    const uint64_t wrap[] = {1ull << 32, 1ull << 31, 2, 1}, five[] = {1, 1, 1, 1, 1};
    char name[65];
    memset(name, 'n', 64);
    name[64] = 0;
    tensor("t", QT_F32, 1, zero, ASSAY_EFORMAT, "impossible shape");
    tensor("t", QT_F32, 4, wrap, ASSAY_EFORMAT, "impossible shape");
    tensor("t", QT_F32, 1, big, ASSAY_EFORMAT, "larger than the file");
    tensor("t", QT_Q8_0, 1, seven, ASSAY_EFORMAT, "not a multiple of the 32");
    tensor("t", QT_F32, 5, five, ASSAY_EFORMAT, "5 dimensions");
    tensor("t", QT_F32, 0, five, ASSAY_EFORMAT, "0 dimensions");
    tensor("t", 12, 1, eight, ASSAY_EUNSUPPORTED, "type q4_K (12)");
    tensor("t", 999, 1, eight, ASSAY_EUNSUPPORTED, "type unknown (999)");
    tensor("", QT_F32, 1, eight, ASSAY_EFORMAT, "name of 0 bytes");
    tensor(name, QT_F32, 1, eight, ASSAY_EFORMAT, "name of 64 bytes");
}

static void tensor_places(void **state)
{
    (void)state;
    const uint64_t eight[] = {8};
    const char bytes[33] = "0123456789abcdef0123456789abcdef";
    struct mk m;
    mk_init(&m);
    mk_tensor(&m, "t", QT_F32, 1, eight, bytes, 32);
    mk_tensor(&m, "t", QT_F32, 1, eight, bytes, 32);
    refuse(&m, ASSAY_EFORMAT, "'t' appears twice");
    mk_init(&m);
    mk_tensor(&m, "a", QT_F32, 1, eight, bytes, 32);
    m.data.n = 0; /* the next one claims the same place */
    mk_tensor(&m, "b", QT_F32, 1, eight, bytes, 32);
    refuse(&m, ASSAY_EFORMAT, "expected 32");
    mk_init(&m);
    mk_tensor(&m, "a", QT_F32, 1, eight, bytes, 32);
    memset(m.info.v + m.info.n - 8, 0xE0, 8);
    refuse(&m, ASSAY_EFORMAT, "expected 0");
    mk_init(&m);
    mk_tensor(&m, "a", QT_F32, 1, (const uint64_t[]){16}, bytes, 32);
    refuse(&m, ASSAY_EFORMAT, "truncated");
}

static void files(void **state)
{
    (void)state;
    struct gguf *g = NULL;
    struct assay_err e = {0};
    assert_int_equal(gguf_open("/nonexistent/x.gguf", &g, &e), ASSAY_EIO);
    assert_int_equal(gguf_open("/tmp", &g, &e), ASSAY_EIO);
    struct buf b;
    buf_init(&b, 0);
    char *path = mk_write(&b);
    assert_int_equal(gguf_open(path, &g, &e), ASSAY_EFORMAT);
    assert_non_null(strstr(e.msg, "not a GGUF file"));
    unlink(path);
    free(path);
    buf_release(&b);
    gguf_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_values),    cmocka_unit_test(reads_stories260k),
        cmocka_unit_test(truncated),       cmocka_unit_test(flipped),
        cmocka_unit_test(header),          cmocka_unit_test(hostile_metadata),
        cmocka_unit_test(hostile_tensors), cmocka_unit_test(tensor_places),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
