/* value.c - building, looking up and comparing struct value with Python's rules. */
#include "harness/base/value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"

const struct value value_null = {.type = VALUE_NULL};
const struct value value_true = {.type = VALUE_BOOL, .b = true};
const struct value value_false = {.type = VALUE_BOOL, .b = false};

const struct value *value_bool(bool b)
{
    return b ? &value_true : &value_false;
}

static struct value *value_new(struct arena *a, int type)
{
    struct value *v = ARENA_NEW(a, struct value);
    v->type = (uint8_t)type;
    return v;
}

struct value *value_int(struct arena *a, int64_t i)
{
    struct value *v = value_new(a, VALUE_INT);
    v->i = i;
    return v;
}

struct value *value_float(struct arena *a, double f)
{
    struct value *v = value_new(a, VALUE_FLOAT);
    v->f = f;
    return v;
}

struct value *value_str(struct arena *a, const char *s)
{
    return value_strn(a, s, strlen(s));
}

struct value *value_strn(struct arena *a, const char *s, size_t n)
{
    return value_str_ref(a, arena_strndup(a, s, n), n);
}

struct value *value_str_ref(struct arena *a, const char *s, size_t n)
{
    struct value *v = value_new(a, VALUE_STR);
    v->s = s;
    v->n = (uint32_t)n;
    return v;
}

struct value *value_list(struct arena *a, const struct value *const *items, size_t n)
{
    struct value *v = value_new(a, VALUE_LIST);
    const struct value **copy = ARENA_ARRAY(a, const struct value *, n);
    if (n)
        memcpy(copy, items, n * sizeof *copy);
    v->items = copy;
    v->n = (uint32_t)n;
    return v;
}

/* -- dictionaries ------------------------------------------------------------------------------ */

/* Equal keys have equal hashes: numbers hash by value across types, as 1 == 1.0 == True. */
static uint64_t key_hash(const struct value *k)
{
    uint64_t h = UINT64_C(14695981039346656037);
    double d;
    switch (k->type) {
    case VALUE_STR:
        for (uint32_t i = 0; i < k->n; i++)
            h = (h ^ (unsigned char)k->s[i]) * UINT64_C(1099511628211);
        return h ^ h >> 29;
    case VALUE_BOOL:
        d = k->b;
        break;
    case VALUE_INT:
        d = (double)k->i;
        break;
    case VALUE_FLOAT:
        d = k->f == 0 ? 0 : k->f;
        break;
    default:
        return h ^ k->type;
    }
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return (bits ^ bits >> 31) * UINT64_C(0x9e3779b97f4a7c15) ^ bits >> 17;
}

/* Position of an entry equal to `key` among the first n, or n. */
static size_t entry_scan(const struct value_entry *e, size_t n, const struct value *key)
{
    if (key->type == VALUE_STR) {
        for (size_t i = 0; i < n; i++)
            if (e[i].key->type == VALUE_STR && e[i].key->n == key->n &&
                memcmp(e[i].key->s, key->s, key->n) == 0)
                return i;
        return n;
    }
    for (size_t i = 0; i < n; i++)
        if (e[i].key == key || value_equal(e[i].key, key))
            return i;
    return n;
}

static size_t entries_dedup_small(struct value_entry *e, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = entry_scan(e, kept, e[i].key);
        if (at < kept) {
            e[at].value = e[i].value;
        } else {
            e[kept++] = e[i];
        }
    }
    return kept;
}

/* The same with an open-addressing table: a hostile object of 10^6 keys must not cost 10^12. */
static size_t entries_dedup(struct value_entry *e, size_t n)
{
    size_t cap = 64;
    while (cap < 2 * n)
        cap *= 2;
    uint32_t *slots = n > 16 ? calloc(cap, sizeof *slots) : NULL;
    if (!slots)
        return entries_dedup_small(e, n);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)key_hash(e[i].key) & (cap - 1);
        while (slots[at] && !value_equal(e[slots[at] - 1].key, e[i].key))
            at = (at + 1) & (cap - 1);
        if (slots[at]) {
            e[slots[at] - 1].value = e[i].value;
        } else {
            e[kept++] = e[i];
            slots[at] = (uint32_t)kept;
        }
    }
    free(slots);
    return kept;
}

struct value *value_dict(struct arena *a, const struct value_entry *entries, size_t n)
{
    struct value *v = value_new(a, VALUE_DICT);
    struct value_entry *copy = ARENA_ARRAY(a, struct value_entry, n);
    if (n)
        memcpy(copy, entries, n * sizeof *copy);
    v->entries = copy;
    v->n = (uint32_t)entries_dedup(copy, n);
    return v;
}

const struct value *value_getn(const struct value *v, const char *key, size_t n)
{
    if (!v || v->type != VALUE_DICT)
        return NULL;
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value *k = v->entries[i].key;
        if (k->type == VALUE_STR && k->n == n && memcmp(k->s, key, n) == 0)
            return v->entries[i].value;
    }
    return NULL;
}

const struct value *value_get(const struct value *v, const char *key)
{
    return value_getn(v, key, strlen(key));
}

struct value *value_with(struct arena *a, const struct value *v, const char *key,
                         const struct value *x)
{
    struct value *out = value_new(a, VALUE_DICT);
    struct value_entry *copy = ARENA_ARRAY(a, struct value_entry, (size_t)v->n + 1);
    if (v->n)
        memcpy(copy, v->entries, v->n * sizeof *copy);
    out->entries = copy;
    out->n = v->n;
    for (uint32_t i = 0; i < v->n; i++)
        if (value_is_str(copy[i].key, key)) {
            copy[i].value = x;
            return out;
        }
    copy[out->n++] = (struct value_entry){value_str(a, key), x};
    return out;
}

/* -- comparing --------------------------------------------------------------------------------- */

static bool value_is_number(const struct value *v)
{
    return v->type == VALUE_BOOL || v->type == VALUE_INT || v->type == VALUE_FLOAT;
}

static bool int_equals_float(int64_t i, double f)
{
    /* Exact, unlike (double)i == f: 2**53 + 1 is not 2.0**53. */
    return f >= -0x1p63 && f < 0x1p63 && f == floor(f) && (int64_t)f == i;
}

static bool numbers_equal(const struct value *a, const struct value *b)
{
    int64_t ai = a->type == VALUE_BOOL ? a->b : a->i, bi = b->type == VALUE_BOOL ? b->b : b->i;
    bool af = a->type == VALUE_FLOAT, bf = b->type == VALUE_FLOAT;
    if (af && bf)
        return a->f == b->f;
    if (af)
        return int_equals_float(bi, a->f);
    if (bf)
        return int_equals_float(ai, b->f);
    return ai == bi;
}

static bool dicts_equal(const struct value *a, const struct value *b)
{
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct value_entry *x = &a->entries[i];
        /* Rows of one file have their keys in one order: look in the same place first. */
        size_t at =
            value_equal(x->key, b->entries[i].key) ? i : entry_scan(b->entries, b->n, x->key);
        if (at == b->n ||
            (x->value != b->entries[at].value && !value_equal(x->value, b->entries[at].value)))
            return false;
    }
    return true;
}

bool value_equal(const struct value *a, const struct value *b)
{
    if (value_is_number(a) && value_is_number(b))
        return numbers_equal(a, b);
    if (a->type != b->type)
        return false;
    switch (a->type) {
    case VALUE_NULL:
        return true;
    case VALUE_STR:
    case VALUE_FUNC:
    case VALUE_UNDEFINED:
        return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
    case VALUE_DICT:
        return dicts_equal(a, b);
    default:
        break;
    }
    if (a->n != b->n)
        return false;
    for (uint32_t i = 0; i < a->n; i++)
        if (a->items[i] != b->items[i] && !value_equal(a->items[i], b->items[i]))
            return false;
    return true;
}

bool value_is_str(const struct value *v, const char *s)
{
    return v && v->type == VALUE_STR && strlen(s) == v->n && memcmp(v->s, s, v->n) == 0;
}

const char *value_type_name(const struct value *v)
{
    static const char *const names[] = {
        [VALUE_NULL] = "NoneType",      [VALUE_BOOL] = "bool",   [VALUE_INT] = "int",
        [VALUE_FLOAT] = "float",        [VALUE_STR] = "str",     [VALUE_LIST] = "list",
        [VALUE_DICT] = "dict",          [VALUE_TUPLE] = "tuple", [VALUE_FUNC] = "function",
        [VALUE_UNDEFINED] = "Undefined"};
    return v && v->type < sizeof names / sizeof *names ? names[v->type] : "?";
}

/* -- copies ------------------------------------------------------------------------------------ */

const struct value *value_copy(struct arena *a, const struct value *v)
{
    struct value *x = ARENA_NEW(a, struct value);
    *x = *v;
    if (v->type == VALUE_STR || v->type == VALUE_FUNC || v->type == VALUE_UNDEFINED)
        x->s = arena_strndup(a, v->s, v->n);
    if (v->type == VALUE_LIST || v->type == VALUE_TUPLE) {
        const struct value **items = ARENA_ARRAY(a, const struct value *, v->n + 1);
        for (uint32_t i = 0; i < v->n; i++)
            items[i] = value_copy(a, v->items[i]);
        x->items = items;
    }
    if (v->type == VALUE_DICT) {
        struct value_entry *entries = ARENA_ARRAY(a, struct value_entry, v->n + 1);
        for (uint32_t i = 0; i < v->n; i++)
            entries[i] = (struct value_entry){value_copy(a, v->entries[i].key), value_copy(a, v->entries[i].value)};
        x->entries = entries;
    }
    return x;
}
