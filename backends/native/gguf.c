/* gguf.c - the checked walk over a GGUF file.
 *
 * Every number in the file is an adversary's until it has been compared with what is left of the
 * file.  Comparisons are written as `n > left / size`, never as a product or a sum that may wrap.
 * Nothing is allocated by a count before the count was checked against the bytes it needs. */
#include "backends/native/gguf.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/quant.h"
#include "harness/base/err.h"

enum {
    MAX_KV = 1 << 16,
    MAX_TENSORS = 1 << 18,
    MAX_STRING = 1 << 30,
    MAX_NAME = 63, /* ggml's limit for tensor names, without the terminator */
    MAX_ALIGN = 1 << 20,
    MIN_KV_BYTES = 8 + 1 + 4 + 1,
    MIN_TENSOR_BYTES = 8 + 1 + 4 + 8 + 4 + 8
};

/* Names of ggml's tensor types by id, for saying what a file holds that is not supported. */
static const char *const type_names[] = {
    "f32",   "f16",        "q4_0",       "q4_1",       "q4_2",     "q4_3",     "q5_0",
    "q5_1",  "q8_0",       "q8_1",       "q2_K",       "q3_K",     "q4_K",     "q5_K",
    "q6_K",  "q8_K",       "iq2_xxs",    "iq2_xs",     "iq3_xxs",  "iq1_s",    "iq4_nl",
    "iq3_s", "iq2_s",      "iq4_xs",     "i8",         "i16",      "i32",      "i64",
    "f64",   "iq1_m",      "bf16",       "q4_0_4_4",   "q4_0_4_8", "q4_0_8_8", "tq1_0",
    "tq2_0", "iq4_nl_4_4", "iq4_nl_4_8", "iq4_nl_8_8", "mxfp4",    "nvfp4",    "q1_0",
    "q2_0",
};
static const uint8_t type_bytes[GGUF_N_TYPES] = {
    [GGUF_U8] = 1,  [GGUF_I8] = 1,   [GGUF_U16] = 2, [GGUF_I16] = 2, [GGUF_U32] = 4, [GGUF_I32] = 4,
    [GGUF_F32] = 4, [GGUF_BOOL] = 1, [GGUF_U64] = 8, [GGUF_I64] = 8, [GGUF_F64] = 8,
};

struct cursor {
    const unsigned char *v;
    size_t n, at;
    const char *path;
    struct assay_err *e;
};

static uint64_t little(const unsigned char *p, unsigned n)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < n; i++)
        x |= (uint64_t)p[i] << 8 * i;
    return x;
}

static size_t left(const struct cursor *c)
{
    return c->n - c->at;
}

static int cut(const struct cursor *c, size_t at, const char *what)
{
    return err_set(c->e, ASSAY_EFORMAT,
                   "%s: offset %zu: the file ends inside %s; it is truncated or not a GGUF file",
                   c->path, at, what);
}

static int take(struct cursor *c, unsigned n, const char *what, uint64_t *out)
{
    if (left(c) < n)
        return cut(c, c->at, what);
    *out = little(c->v + c->at, n);
    c->at += n;
    return 0;
}

static int take_u32(struct cursor *c, const char *what, uint32_t *out)
{
    uint64_t x = 0;
    TRY(take(c, 4, what, &x));
    *out = (uint32_t)x;
    return 0;
}

static int take_str(struct cursor *c, const char *what, struct gguf_str *out)
{
    size_t at = c->at;
    uint64_t n = 0;
    TRY(take(c, 8, what, &n));
    if (n > left(c) || n > MAX_STRING)
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: %s says it is %llu bytes long, but %zu bytes are left",
                       c->path, at, what, (unsigned long long)n, left(c));
    *out = (struct gguf_str){(const char *)c->v + c->at, (size_t)n};
    c->at += (size_t)n;
    return 0;
}

const char *gguf_show(struct gguf_str s, char buf[GGUF_SHOW])
{
    size_t n = s.n < GGUF_SHOW - 4 ? s.n : GGUF_SHOW - 4;
    for (size_t i = 0; i < n; i++)
        buf[i] = s.v[i] >= 32 && s.v[i] < 127 ? s.v[i] : '?';
    strcpy(buf + n, n < s.n ? "..." : "");
    return buf;
}

bool gguf_str_is(struct gguf_str a, const char *s)
{
    return a.n == strlen(s) && !memcmp(a.v, s, a.n);
}

static int str_cmp(struct gguf_str a, struct gguf_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.v, b.v, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

/* -- metadata ---------------------------------------------------------------------------------- */

static int skip_items(struct cursor *c, struct gguf_kv *kv, const char *what)
{
    if (kv->elem != GGUF_STR) {
        size_t size = type_bytes[kv->elem];
        if (kv->n > left(c) / size)
            return err_set(c->e, ASSAY_EFORMAT,
                           "%s: offset %zu: %s says it has %llu items of %zu bytes, but %zu bytes"
                           " are left",
                           c->path, kv->offset, what, (unsigned long long)kv->n, size, left(c));
        for (uint64_t i = 0; kv->elem == GGUF_BOOL && i < kv->n; i++)
            if (c->v[c->at + i] > 1)
                return err_set(c->e, ASSAY_EFORMAT,
                               "%s: offset %zu: %s is a bool of value %u, expected 0 or 1", c->path,
                               c->at + (size_t)i, what, c->v[c->at + i]);
        c->at += (size_t)kv->n * size;
        return 0;
    }
    if (kv->n > left(c) / 8)
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: %s says it has %llu strings, but %zu bytes are left",
                       c->path, kv->offset, what, (unsigned long long)kv->n, left(c));
    for (uint64_t i = 0; i < kv->n; i++) {
        struct gguf_str s;
        TRY(take_str(c, what, &s));
    }
    return 0;
}

static int read_kv(struct cursor *c, struct gguf_kv *kv)
{
    char show[GGUF_SHOW], what[GGUF_SHOW + 16];
    size_t at = c->at;
    TRY(take_str(c, "a metadata key", &kv->key));
    if (!kv->key.n || kv->key.n > 65535 || memchr(kv->key.v, 0, kv->key.n))
        return err_set(
            c->e, ASSAY_EFORMAT,
            "%s: offset %zu: a metadata key of %zu bytes, expected 1 to 65535 without NUL", c->path,
            at, kv->key.n);
    snprintf(what, sizeof what, "the value of '%s'", gguf_show(kv->key, show));
    TRY(take_u32(c, what, &kv->type));
    kv->elem = kv->type;
    kv->n = 1;
    if (kv->type == GGUF_ARRAY) {
        TRY(take_u32(c, what, &kv->elem));
        TRY(take(c, 8, what, &kv->n));
    }
    if (kv->type >= GGUF_N_TYPES || kv->elem >= GGUF_N_TYPES || kv->elem == GGUF_ARRAY)
        return err_set(c->e, ASSAY_EFORMAT, "%s: offset %zu: '%s' has the unknown value type %u%s",
                       c->path, at, show, kv->elem, kv->type == GGUF_ARRAY ? " in an array" : "");
    kv->offset = c->at;
    kv->v = c->v + c->at;
    return skip_items(c, kv, what);
}

static int kv_cmp(const void *a, const void *b)
{
    const struct gguf_kv *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->offset > y->offset) - (x->offset < y->offset);
}

static int read_metadata(struct cursor *c, struct gguf *g)
{
    char show[GGUF_SHOW];
    g->kv = ARENA_ARRAY(&g->arena, struct gguf_kv, g->n_kv + 1u);
    for (uint32_t i = 0; i < g->n_kv; i++)
        TRY(read_kv(c, &g->kv[i]));
    qsort(g->kv, g->n_kv, sizeof *g->kv, kv_cmp);
    for (uint32_t i = 1; i < g->n_kv; i++)
        if (!str_cmp(g->kv[i - 1].key, g->kv[i].key))
            return err_set(c->e, ASSAY_EFORMAT, "%s: offset %zu: the key '%s' appears twice",
                           c->path, g->kv[i].offset, gguf_show(g->kv[i].key, show));
    return 0;
}

/* -- tensors ----------------------------------------------------------------------------------- */

static int unknown_type(const struct cursor *c, const struct gguf_tensor *t, uint32_t type)
{
    const char *name = type < sizeof type_names / sizeof *type_names ? type_names[type] : "unknown";
    return err_set(c->e, ASSAY_EUNSUPPORTED,
                   "%s: offset %zu: tensor '%s' has type %s (%u); supported are f32, f16, bf16, "
                   "q8_0, q4_0, q4_1, q5_0, q5_1",
                   c->path, t->offset, t->name, name, type);
}

/* Fills n_params and bytes from dims and type; both fit 63 bits afterwards. */
static int measure(const struct cursor *c, struct gguf_tensor *t)
{
    const struct quant_traits *q = quant_find(t->type);
    if (!q)
        return unknown_type(c, t, t->type);
    uint64_t n = 1;
    for (uint32_t i = 0; i < 4; i++) {
        if (!t->dims[i] || t->dims[i] > INT64_MAX / n)
            return err_set(c->e, ASSAY_EFORMAT,
                           "%s: offset %zu: tensor '%s' has the impossible shape "
                           "[%llu, %llu, %llu, %llu]",
                           c->path, t->offset, t->name, (unsigned long long)t->dims[0],
                           (unsigned long long)t->dims[1], (unsigned long long)t->dims[2],
                           (unsigned long long)t->dims[3]);
        n *= t->dims[i];
    }
    if (t->dims[0] % q->block)
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: tensor '%s' has rows of %llu elements, not a multiple of "
                       "the %u of a %s block",
                       c->path, t->offset, t->name, (unsigned long long)t->dims[0], q->block,
                       q->name);
    if (n / q->block > c->n / q->bytes)
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: tensor '%s' of %llu %s elements is larger than the file",
                       c->path, t->offset, t->name, (unsigned long long)n, q->name);
    t->n_params = n;
    t->bytes = (size_t)(n / q->block * q->bytes);
    return 0;
}

static int read_tensor(struct cursor *c, struct gguf *g, struct gguf_tensor *t, uint64_t *start)
{
    struct gguf_str name = {NULL, 0};
    char show[GGUF_SHOW];
    t->offset = c->at;
    TRY(take_str(c, "a tensor name", &name));
    gguf_show(name, show);
    if (!name.n || name.n > MAX_NAME || memchr(name.v, 0, name.n))
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: a tensor name of %zu bytes, expected 1 to %d without NUL",
                       c->path, t->offset, name.n, MAX_NAME);
    t->name = arena_strdup(&g->arena, show);
    TRY(take_u32(c, "a tensor's shape", &t->n_dims));
    if (t->n_dims < 1 || t->n_dims > 4)
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: tensor '%s' has %u dimensions, expected 1 to 4", c->path,
                       t->offset, t->name, t->n_dims);
    for (uint32_t i = 0; i < 4; i++) {
        t->dims[i] = 1;
        if (i < t->n_dims)
            TRY(take(c, 8, "a tensor's shape", &t->dims[i]));
    }
    TRY(take_u32(c, "a tensor's type", &t->type));
    TRY(take(c, 8, "a tensor's offset", start));
    return measure(c, t);
}

static int name_cmp(const void *a, const void *b)
{
    const struct gguf_tensor *const *x = a, *const *y = b;
    int c = strcmp((*x)->name, (*y)->name);
    return c ? c : ((*x)->offset > (*y)->offset) - ((*x)->offset < (*y)->offset);
}

static int index_tensors(const struct cursor *c, struct gguf *g)
{
    for (uint32_t i = 0; i < g->n_tensors; i++)
        g->by_name[i] = &g->tensors[i];
    qsort(g->by_name, g->n_tensors, sizeof *g->by_name, name_cmp);
    for (uint32_t i = 1; i < g->n_tensors; i++)
        if (!strcmp(g->by_name[i - 1]->name, g->by_name[i]->name))
            return err_set(c->e, ASSAY_EFORMAT, "%s: offset %zu: the tensor '%s' appears twice",
                           c->path, g->by_name[i]->offset, g->by_name[i]->name);
    return 0;
}

static int read_alignment(const struct cursor *c, const struct gguf *g, uint64_t *align)
{
    *align = 32;
    TRY(gguf_uint(g, "general.alignment", align, c->e));
    if (*align < 4 || *align > MAX_ALIGN || (*align & (*align - 1)))
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: general.alignment is %llu, expected a power of two from 4"
                       " to %d",
                       c->path, gguf_find(g, "general.alignment")->offset,
                       (unsigned long long)*align, MAX_ALIGN);
    return 0;
}

/* Tensors must follow one another in order without holes, as every writer lays them out: anything
 * else is a damaged directory. */
static int read_tensors(struct cursor *c, struct gguf *g)
{
    uint64_t align = 32, expected = 0;
    TRY(read_alignment(c, g, &align));
    g->tensors = ARENA_ARRAY(&g->arena, struct gguf_tensor, g->n_tensors + 1u);
    g->by_name = ARENA_ARRAY(&g->arena, const struct gguf_tensor *, g->n_tensors + 1u);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *t = &g->tensors[i];
        uint64_t start = 0;
        TRY(read_tensor(c, g, t, &start));
        if (start != expected)
            return err_set(c->e, ASSAY_EFORMAT,
                           "%s: offset %zu: tensor '%s' starts at %llu of the data, expected %llu",
                           c->path, t->offset, t->name, (unsigned long long)start,
                           (unsigned long long)expected);
        if (start > c->n)
            return cut(c, t->offset, "the tensor data");
        expected = (start + t->bytes + align - 1) & ~(align - 1);
        t->v = c->v + start; /* moved by the start of the data below */
    }
    if (!g->n_tensors)
        return 0;
    size_t data = (c->at + align - 1) & ~(size_t)(align - 1);
    for (uint32_t i = 0; i < g->n_tensors; i++) {
        struct gguf_tensor *t = &g->tensors[i];
        size_t start = (size_t)(t->v - c->v);
        if (data > c->n || start > c->n - data || t->bytes > c->n - data - start)
            return err_set(c->e, ASSAY_EFORMAT,
                           "%s: offset %zu: tensor '%s' needs %zu bytes at offset %zu, but the file"
                           " has %zu; it is truncated",
                           c->path, t->offset, t->name, t->bytes, data + start, c->n);
        t->v = c->v + data + start;
    }
    return index_tensors(c, g);
}

/* -- the file ---------------------------------------------------------------------------------- */

static int read_version(struct cursor *c, uint32_t *version)
{
    if (c->n < 4 || memcmp(c->v, "GGUF", 4))
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset 0: not a GGUF file (it does not begin with "
                       "'GGUF')",
                       c->path);
    c->at = 4;
    TRY(take_u32(c, "the version", version));
    if (*version && !(*version & 0xFFFF))
        return err_set(c->e, ASSAY_EUNSUPPORTED,
                       "%s: offset 4: a big-endian GGUF file; convert it "
                       "to little-endian with gguf_convert_endian.py",
                       c->path);
    if (*version < 2 || *version > 3)
        return err_set(c->e, ASSAY_EUNSUPPORTED,
                       "%s: offset 4: GGUF version %u; supported are 2 "
                       "and 3",
                       c->path, *version);
    return 0;
}

static int take_count(struct cursor *c, const char *what, uint64_t max, size_t each, uint32_t *out)
{
    uint64_t n = 0;
    size_t at = c->at;
    TRY(take(c, 8, what, &n));
    if (n > left(c) / each || n > max)
        return err_set(c->e, ASSAY_EFORMAT,
                       "%s: offset %zu: %s is %llu, more than %zu bytes or the limit of %llu allow",
                       c->path, at, what, (unsigned long long)n, left(c), (unsigned long long)max);
    *out = (uint32_t)n;
    return 0;
}

static int refuse_split(const struct cursor *c, const struct gguf *g)
{
    uint64_t n = 0, no = 0;
    TRY(gguf_uint(g, "split.count", &n, c->e));
    TRY(gguf_uint(g, "split.no", &no, c->e));
    if (n <= 1)
        return 0;
    return err_set(c->e, ASSAY_EUNSUPPORTED,
                   "%s: offset %zu: part %llu of a file split into %llu; join the parts first "
                   "(llama-gguf-split --merge)",
                   c->path, gguf_find(g, "split.count")->offset, (unsigned long long)no + 1,
                   (unsigned long long)n);
}

static int read_all(struct cursor *c, struct gguf *g)
{
    TRY(read_version(c, &g->version));
    TRY(take_count(c, "the number of tensors", MAX_TENSORS, MIN_TENSOR_BYTES, &g->n_tensors));
    TRY(take_count(c, "the number of metadata keys", MAX_KV, MIN_KV_BYTES, &g->n_kv));
    TRY(read_metadata(c, g));
    TRY(refuse_split(c, g));
    return read_tensors(c, g);
}

static int parse(struct gguf *g, struct gguf **out, struct assay_err *e)
{
    struct cursor c = {.v = g->map.v, .n = g->map.n, .path = g->path, .e = e};
    int rc = read_all(&c, g);
    if (rc < 0)
        gguf_close(g);
    else
        *out = g;
    return rc < 0 ? rc : 0;
}

static struct gguf *gguf_new(const char *path)
{
    struct arena a = {0};
    struct gguf *g = ARENA_NEW(&a, struct gguf);
    g->path = arena_strdup(&a, path);
    g->arena = a;
    return g;
}

int gguf_open(const char *path, struct gguf **out, struct assay_err *e)
{
    struct fs_map map;
    TRY(fs_map(path, &map, e));
    struct gguf *g = gguf_new(path);
    g->map = map;
    g->mapped = true;
    return parse(g, out, e);
}

int gguf_parse(const void *bytes, size_t n, const char *path, struct gguf **out,
               struct assay_err *e)
{
    struct gguf *g = gguf_new(path);
    g->map = (struct fs_map){bytes, n};
    return parse(g, out, e);
}

void gguf_close(struct gguf *g)
{
    if (!g)
        return;
    if (g->mapped)
        fs_unmap(&g->map);
    struct arena a = g->arena; /* g itself lies in it */
    arena_release(&a);
}

/* -- looking up -------------------------------------------------------------------------------- */

const struct gguf_kv *gguf_find(const struct gguf *g, const char *key)
{
    struct gguf_str k = {key, strlen(key)};
    size_t lo = 0, hi = g->n_kv;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(g->kv[mid].key, k);
        if (!c)
            return &g->kv[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name)
{
    size_t lo = 0, hi = g->n_tensors;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = strcmp(g->by_name[mid]->name, name);
        if (!c)
            return g->by_name[mid];
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

bool gguf_is_int(uint32_t type)
{
    return type <= GGUF_I32 || type == GGUF_U64 || type == GGUF_I64;
}

int64_t gguf_int_at(const struct gguf_kv *kv, uint64_t i)
{
    unsigned size = type_bytes[kv->elem];
    uint64_t x = little(kv->v + i * size, size);
    bool is_signed = kv->elem == GGUF_I8 || kv->elem == GGUF_I16 || kv->elem == GGUF_I32;
    if (is_signed && x >> (8 * size - 1))
        return (int64_t)x - ((int64_t)1 << 8 * size);
    return x > INT64_MAX && kv->elem == GGUF_U64 ? INT64_MAX : (int64_t)x;
}

float gguf_float_at(const struct gguf_kv *kv, uint64_t i)
{
    if (gguf_is_int(kv->elem))
        return (float)gguf_int_at(kv, i);
    union {
        uint32_t u;
        float f;
    } c = {.u = (uint32_t)little(kv->v + 4 * i, 4)};
    return c.f;
}

void gguf_strings(const struct gguf_kv *kv, struct gguf_str *out)
{
    const unsigned char *p = kv->v;
    for (uint64_t i = 0; i < kv->n; i++) {
        size_t n = (size_t)little(p, 8);
        out[i] = (struct gguf_str){(const char *)p + 8, n};
        p += 8 + n;
    }
}

static int wrong_kind(const struct gguf *g, const struct gguf_kv *kv, const char *expected,
                      struct assay_err *e)
{
    char show[GGUF_SHOW];
    return err_set(e, ASSAY_EFORMAT, "%s: offset %zu: '%s' is not %s", g->path, kv->offset,
                   gguf_show(kv->key, show), expected);
}

int gguf_uint(const struct gguf *g, const char *key, uint64_t *out, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return 0;
    if (!gguf_is_int(kv->type) || gguf_int_at(kv, 0) < 0)
        return wrong_kind(g, kv, "a non-negative integer", e);
    *out = (uint64_t)gguf_int_at(kv, 0);
    return 1;
}

int gguf_float(const struct gguf *g, const char *key, double *out, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return 0;
    if (kv->type == GGUF_F32) {
        *out = gguf_float_at(kv, 0);
    } else if (kv->type == GGUF_F64) {
        union {
            uint64_t u;
            double f;
        } c = {.u = little(kv->v, 8)};
        *out = c.f;
    } else {
        return wrong_kind(g, kv, "a float", e);
    }
    return 1;
}

int gguf_bool(const struct gguf *g, const char *key, bool *out, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return 0;
    if (kv->type != GGUF_BOOL)
        return wrong_kind(g, kv, "a bool", e);
    *out = kv->v[0] != 0;
    return 1;
}

int gguf_string(const struct gguf *g, const char *key, struct gguf_str *out, struct assay_err *e)
{
    const struct gguf_kv *kv = gguf_find(g, key);
    if (!kv)
        return 0;
    if (kv->type != GGUF_STR)
        return wrong_kind(g, kv, "a string", e);
    gguf_strings(kv, out);
    return 1;
}
