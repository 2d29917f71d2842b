/* gguf_write.c - three growing pieces (keys, tensor directory, data), joined at the end. */
#include "backends/native/train/gguf_write.h"
#include "backends/native/quant.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 32, MAX_NAME = 64, VERSION = 3 };
#define MAX_BYTES ((size_t)1 << 36)

struct gguf_out {
    struct buf kv, info, data;
    struct arena arena;
    const char **names; /* of keys and tensors, keys with a '=' in front */
    size_t n_names, cap;
    uint64_t n_kv, n_tensors;
    const char *bad; /* first misuse */
};

struct gguf_out *gguf_out_new(void)
{
    struct gguf_out *g = calloc(1, sizeof *g);
    if (!g)
        err_no_memory(sizeof *g);
    buf_init(&g->kv, MAX_BYTES);
    buf_init(&g->info, MAX_BYTES);
    buf_init(&g->data, MAX_BYTES);
    return g;
}

void gguf_out_free(struct gguf_out *g)
{
    if (!g)
        return;
    buf_release(&g->kv);
    buf_release(&g->info);
    buf_release(&g->data);
    arena_release(&g->arena);
    free(g->names);
    free(g);
}

static void misuse(struct gguf_out *g, const char *what, const char *name)
{
    if (!g->bad)
        g->bad = arena_printf(&g->arena, "%s '%s'", what, name);
}

static void remember(struct gguf_out *g, const char *kind, const char *name)
{
    const char *full = arena_printf(&g->arena, "%s%s", kind, name);
    for (size_t i = 0; i < g->n_names; i++)
        if (strcmp(g->names[i], full) == 0)
            misuse(g, "written twice:", name);
    if (g->n_names == g->cap) {
        g->cap = g->cap ? 2 * g->cap : 64;
        g->names = realloc(g->names, g->cap * sizeof *g->names);
        if (!g->names)
            err_no_memory(g->cap * sizeof *g->names);
    }
    g->names[g->n_names++] = full;
}

static void add_le(struct buf *b, uint64_t x, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_addc(b, (char)(x >> 8 * i & 255));
}

static void add_float(struct buf *b, float x)
{
    union {
        float f;
        uint32_t u;
    } c = {x};
    add_le(b, c.u, 4);
}

static void add_str(struct buf *b, const char *s, size_t n)
{
    add_le(b, n, 8);
    buf_add(b, s, n);
}

static struct buf *add_key(struct gguf_out *g, const char *key, uint32_t type)
{
    if (!*key)
        misuse(g, "an empty key:", key);
    remember(g, "=", key);
    add_str(&g->kv, key, strlen(key));
    add_le(&g->kv, type, 4);
    g->n_kv++;
    return &g->kv;
}

static struct buf *add_array(struct gguf_out *g, const char *key, uint32_t elem, size_t n)
{
    struct buf *b = add_key(g, key, GGUF_ARRAY);
    add_le(b, elem, 4);
    add_le(b, n, 8);
    return b;
}

void gguf_out_u32(struct gguf_out *g, const char *key, uint32_t x)
{
    add_le(add_key(g, key, GGUF_U32), x, 4);
}

void gguf_out_f32(struct gguf_out *g, const char *key, float x)
{
    add_float(add_key(g, key, GGUF_F32), x);
}

void gguf_out_bool(struct gguf_out *g, const char *key, bool x)
{
    add_le(add_key(g, key, GGUF_BOOL), x, 1);
}

void gguf_out_str(struct gguf_out *g, const char *key, const char *s)
{
    add_str(add_key(g, key, GGUF_STR), s, strlen(s));
}

void gguf_out_strs(struct gguf_out *g, const char *key, const struct gguf_str *s, size_t n)
{
    struct buf *b = add_array(g, key, GGUF_STR, n);
    for (size_t i = 0; i < n; i++)
        add_str(b, s[i].v, s[i].n);
}

void gguf_out_i32s(struct gguf_out *g, const char *key, const int32_t *x, size_t n)
{
    struct buf *b = add_array(g, key, GGUF_I32, n);
    for (size_t i = 0; i < n; i++)
        add_le(b, (uint32_t)x[i], 4);
}

void gguf_out_f32s(struct gguf_out *g, const char *key, const float *x, size_t n)
{
    struct buf *b = add_array(g, key, GGUF_F32, n);
    for (size_t i = 0; i < n; i++)
        add_float(b, x[i]);
}

static size_t width_of(uint32_t type)
{
    static const uint8_t width[GGUF_N_TYPES] = {
        [GGUF_U8] = 1,  [GGUF_I8] = 1,  [GGUF_U16] = 2, [GGUF_I16] = 2,
        [GGUF_U32] = 4, [GGUF_I32] = 4, [GGUF_F32] = 4, [GGUF_BOOL] = 1,
        [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
    };
    return type < GGUF_N_TYPES ? width[type] : 0;
}

void gguf_out_copy(struct gguf_out *g, const struct gguf_kv *kv)
{
    const char *key = arena_strndup(&g->arena, kv->key.v, kv->key.n);
    struct buf *b = add_key(g, key, kv->type);
    if (kv->type == GGUF_ARRAY) {
        add_le(b, kv->elem, 4);
        add_le(b, kv->n, 8);
    }
    if (kv->elem != GGUF_STR) {
        if (!width_of(kv->elem))
            misuse(g, "an array of arrays:", key);
        buf_add(b, kv->v, (size_t)kv->n * width_of(kv->elem));
        return;
    }
    const unsigned char *p = kv->v;
    for (uint64_t i = 0; i < kv->n; i++) {
        uint64_t n = 0;
        for (unsigned j = 0; j < 8; j++)
            n |= (uint64_t)p[j] << 8 * j;
        p += 8 + n;
    }
    buf_add(b, kv->v, (size_t)(p - kv->v));
}

static void pad(struct buf *b)
{
    while (b->n % ALIGN)
        buf_addc(b, 0);
}

void gguf_out_tensor(struct gguf_out *g, const char *name, uint32_t type, const uint64_t *dims,
                     uint32_t n_dims, const void *data)
{
    const struct quant_traits *q = quant_find(type);
    bool good = q && n_dims >= 1 && n_dims <= 4 && *name && strlen(name) < MAX_NAME &&
                dims[0] % q->block == 0;
    uint64_t n = 1;
    for (uint32_t i = 0; good && i < n_dims; i++) {
        good = dims[i] && dims[i] <= MAX_BYTES / n;
        n *= good ? dims[i] : 1;
    }
    remember(g, "", name);
    if (!good) {
        misuse(g, "an impossible shape or type:", name);
        return;
    }
    add_str(&g->info, name, strlen(name));
    add_le(&g->info, n_dims, 4);
    for (uint32_t i = 0; i < n_dims; i++)
        add_le(&g->info, dims[i], 8);
    add_le(&g->info, type, 4);
    add_le(&g->info, g->data.n, 8);
    buf_add(&g->data, data, (size_t)(n / q->block * q->bytes));
    pad(&g->data);
    g->n_tensors++;
}

int gguf_out_write(struct gguf_out *g, const char *path, struct assay_err *e)
{
    struct buf out;
    if (g->bad)
        return err_set(e, ASSAY_EUSAGE, "%s: %s", path, g->bad);
    buf_init(&out, MAX_BYTES);
    buf_add(&out, "GGUF", 4);
    add_le(&out, VERSION, 4);
    add_le(&out, g->n_tensors, 8);
    add_le(&out, g->n_kv, 8);
    buf_add(&out, g->kv.v, g->kv.n);
    buf_add(&out, g->info.v, g->info.n);
    if (g->n_tensors)
        pad(&out);
    buf_add(&out, g->data.v, g->data.n);
    int rc = g->kv.failed || g->info.failed || g->data.failed || out.failed
                 ? err_set(e, ASSAY_ELIMIT, "%s: the file would be too large", path)
                 : fs_write_atomic(path, out.v, out.n, e);
    buf_release(&out);
    return rc;
}
