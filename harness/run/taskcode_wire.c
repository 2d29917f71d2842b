/* taskcode_wire.c - marshal's format 2: one letter per value, numbers little-endian. */
#include "harness/run/taskcode_wire.h"
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"

enum { MAX_DEPTH = 60, LONG_BITS = 15 };

/* -- writing ----------------------------------------------------------------------------------- */

static void put_u32(struct buf *b, uint32_t x)
{
    char c[4] = {(char)x, (char)(x >> 8), (char)(x >> 16), (char)(x >> 24)};
    buf_add(b, c, 4);
}

static void put_int(struct buf *b, int64_t i)
{
    if (i >= INT32_MIN && i <= INT32_MAX) {
        buf_addc(b, 'i');
        put_u32(b, (uint32_t)i);
        return;
    }
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    int32_t n = 0;
    for (uint64_t rest = u; rest; rest >>= LONG_BITS)
        n++;
    buf_addc(b, 'l');
    put_u32(b, (uint32_t)(i < 0 ? -n : n));
    for (; u; u >>= LONG_BITS) {
        buf_addc(b, (char)(u & 0xff));
        buf_addc(b, (char)(u >> 8 & 0x7f));
    }
}

static void put_float(struct buf *b, double f)
{
    uint64_t u;
    memcpy(&u, &f, sizeof u);
    buf_addc(b, 'g');
    put_u32(b, (uint32_t)u);
    put_u32(b, (uint32_t)(u >> 32));
}

void wire_write(struct buf *b, const struct value *v)
{
    switch (v->type) {
    case VALUE_BOOL:
        buf_addc(b, v->b ? 'T' : 'F');
        break;
    case VALUE_INT:
        put_int(b, v->i);
        break;
    case VALUE_FLOAT:
        put_float(b, v->f);
        break;
    case VALUE_STR:
        buf_addc(b, 'u');
        put_u32(b, v->n);
        buf_add(b, v->s, v->n);
        break;
    case VALUE_LIST:
    case VALUE_TUPLE:
        buf_addc(b, v->type == VALUE_LIST ? '[' : '(');
        put_u32(b, v->n);
        for (uint32_t i = 0; i < v->n; i++)
            wire_write(b, v->items[i]);
        break;
    case VALUE_DICT:
        buf_addc(b, '{');
        for (uint32_t i = 0; i < v->n; i++) {
            wire_write(b, v->entries[i].key);
            wire_write(b, v->entries[i].value);
        }
        buf_addc(b, '0');
        break;
    default:
        buf_addc(b, 'N');
    }
}

/* -- reading ----------------------------------------------------------------------------------- */

struct reader {
    const char *p, *end;
    struct arena *a;
    struct assay_err *e;
};

static int broken(struct reader *r, const char *what)
{
    return err_set(r->e, ASSAY_EFORMAT, "its answer is no value: %s", what);
}

static bool get_u32(struct reader *r, uint32_t *x)
{
    const unsigned char *p = (const unsigned char *)r->p;
    if (r->end - r->p < 4)
        return false;
    *x = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
    r->p += 4;
    return true;
}

static int read_long(struct reader *r, const struct value **out)
{
    uint32_t head;
    if (!get_u32(r, &head))
        return broken(r, "it ends early");
    int32_t signed_n = (int32_t)head;
    uint32_t n = signed_n < 0 ? 0 - head : head;
    uint64_t u = 0;
    if (n > 5)
        return err_set(r->e, ASSAY_EFORMAT,
                       "it yields an integer of more than 64 bits, which no row can hold");
    if ((size_t)(r->end - r->p) < 2 * (size_t)n)
        return broken(r, "it ends early");
    for (uint32_t i = 0; i < n; i++) {
        uint64_t digit = (uint64_t)(unsigned char)r->p[2 * i] |
                         (uint64_t)(unsigned char)r->p[2 * i + 1] << 8;
        if (digit >> LONG_BITS || (i == 4 && digit > 0xf))
            return err_set(r->e, ASSAY_EFORMAT,
                           "it yields an integer of more than 64 bits, which no row can hold");
        u |= digit << (LONG_BITS * i);
    }
    r->p += 2 * (size_t)n;
    uint64_t most = (uint64_t)INT64_MAX + (signed_n < 0);
    if (u > most)
        return err_set(r->e, ASSAY_EFORMAT,
                       "it yields an integer of more than 64 bits, which no row can hold");
    *out = value_int(r->a, signed_n < 0 ? (int64_t)(0 - u) : (int64_t)u);
    return 0;
}

static int read_float(struct reader *r, const struct value **out)
{
    uint32_t low, high;
    if (!get_u32(r, &low) || !get_u32(r, &high))
        return broken(r, "it ends early");
    uint64_t u = (uint64_t)high << 32 | low;
    double f;
    memcpy(&f, &u, sizeof f);
    *out = value_float(r->a, f);
    return 0;
}

static int read_any(struct reader *r, int depth, const struct value **out);

static int read_items(struct reader *r, bool is_tuple, int depth, const struct value **out)
{
    uint32_t n;
    if (!get_u32(r, &n) || n > (size_t)(r->end - r->p))
        return broken(r, "a list is longer than what is there");
    const struct value **items = ARENA_ARRAY(r->a, const struct value *, n + 1);
    for (uint32_t i = 0; i < n; i++)
        TRY(read_any(r, depth + 1, &items[i]));
    struct value *v = ARENA_NEW(r->a, struct value);
    *v = (struct value){.type = is_tuple ? VALUE_TUPLE : VALUE_LIST, .n = n, .items = items};
    *out = v;
    return 0;
}

static int read_dict(struct reader *r, int depth, const struct value **out)
{
    size_t n = 0, cap = 0;
    struct value_entry *all = NULL;
    while (r->p < r->end && *r->p != '0') {
        if (n == cap) {
            struct value_entry *more = ARENA_ARRAY(r->a, struct value_entry, cap ? cap * 2 : 8);
            if (n)
                memcpy(more, all, n * sizeof *all);
            all = more;
            cap = cap ? cap * 2 : 8;
        }
        TRY(read_any(r, depth + 1, &all[n].key));
        if (all[n].key->type >= VALUE_LIST)
            return broken(r, "a key is a container");
        TRY(read_any(r, depth + 1, &all[n].value));
        n++;
    }
    if (r->p == r->end || n > UINT32_MAX)
        return broken(r, "a dict has no end");
    r->p++;
    struct value *v = ARENA_NEW(r->a, struct value);
    *v = (struct value){.type = VALUE_DICT, .n = (uint32_t)n, .entries = all};
    *out = v;
    return 0;
}

static int read_text(struct reader *r, const struct value **out)
{
    uint32_t n;
    if (!get_u32(r, &n) || n > (size_t)(r->end - r->p))
        return broken(r, "a text is longer than what is there");
    char *s = arena_strndup(r->a, r->p, n);
    size_t bad;
    /* A surrogate without its partner becomes U+FFFD, as everywhere in rows. */
    for (size_t from = 0; !text_valid(s + from, n - from, &bad); from += bad + 3) {
        unsigned char *c = (unsigned char *)s + from + bad;
        if (n - from - bad < 3 || c[0] != 0xED || c[1] < 0xA0 || (c[2] & 0xC0) != 0x80)
            return broken(r, "a text is not UTF-8");
        memcpy(c, "\xEF\xBF\xBD", 3);
    }
    *out = value_str_ref(r->a, s, n);
    r->p += n;
    return 0;
}

static int read_any(struct reader *r, int depth, const struct value **out)
{
    uint32_t x;
    if (depth > MAX_DEPTH)
        return broken(r, "it is nested too deeply");
    if (r->p == r->end)
        return broken(r, "it ends early");
    switch (*r->p++) {
    case 'N':
        *out = &value_null;
        return 0;
    case 'T':
    case 'F':
        *out = value_bool(r->p[-1] == 'T');
        return 0;
    case 'i':
        if (!get_u32(r, &x))
            return broken(r, "it ends early");
        *out = value_int(r->a, (int32_t)x);
        return 0;
    case 'l':
        return read_long(r, out);
    case 'g':
        return read_float(r, out);
    case 'u':
        return read_text(r, out);
    case '[':
    case '(':
        return read_items(r, r->p[-1] == '(', depth, out);
    case '{':
        return read_dict(r, depth, out);
    default:
        return broken(r, "a type is not known");
    }
}

int wire_read(const char *p, size_t n, struct arena *a, const struct value **out,
              struct assay_err *e)
{
    struct reader r = {.p = p, .end = p + n, .a = a, .e = e};
    TRY(read_any(&r, 0, out));
    return r.p == r.end ? 0 : broken(&r, "something follows it");
}
