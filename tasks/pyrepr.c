/* pyrepr.c - str() and repr() of values, character for character what Python prints. */
#include <inttypes.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/pytext.h"

static void repr_point(struct buf *b, uint32_t cp, const char *bytes, size_t k, char quote)
{
    if (cp == (uint32_t)quote || cp == '\\')
        buf_printf(b, "\\%c", (int)cp);
    else if (cp == '\n')
        buf_adds(b, "\\n");
    else if (cp == '\r')
        buf_adds(b, "\\r");
    else if (cp == '\t')
        buf_adds(b, "\\t");
    else if (pytext_is_printable(cp))
        buf_add(b, bytes, k);
    else if (cp <= 0xFF)
        buf_printf(b, "\\x%02x", (unsigned)cp);
    else if (cp <= 0xFFFF)
        buf_printf(b, "\\u%04x", (unsigned)cp);
    else
        buf_printf(b, "\\U%08x", (unsigned)cp);
}

void pyrepr_str(struct buf *b, struct pystr s)
{
    char quote = memchr(s.s, '\'', s.n) && !memchr(s.s, '"', s.n) ? '"' : '\'';
    buf_addc(b, quote);
    size_t plain = 0, k;
    for (size_t i = 0; i < s.n && !b->failed; i += k) {
        uint32_t cp = (unsigned char)s.s[i];
        k = 1;
        if (cp >= 0x80) {
            int len = text_decode(s.s + i, s.n - i, &cp);
            k = len ? (size_t)len : 1;
        } else if (cp >= 0x20 && cp < 0x7F && cp != (uint32_t)quote && cp != '\\') {
            continue;
        }
        buf_add(b, s.s + plain, i - plain);
        repr_point(b, cp, s.s + i, k, quote);
        plain = i + k;
    }
    buf_add(b, s.s + plain, s.n - plain);
    buf_addc(b, quote);
}

static bool repr(struct buf *b, const struct value *v, int depth);

static bool repr_items(struct buf *b, const struct value *v, int depth)
{
    bool tuple = v->type == VALUE_TUPLE;
    buf_addc(b, tuple ? '(' : '[');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            buf_adds(b, ", ");
        if (!repr(b, v->items[i], depth + 1))
            return false;
    }
    if (tuple && v->n == 1)
        buf_addc(b, ',');
    buf_addc(b, tuple ? ')' : ']');
    return !b->failed;
}

static bool repr_dict(struct buf *b, const struct value *v, int depth)
{
    buf_addc(b, '{');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            buf_adds(b, ", ");
        if (!repr(b, v->entries[i].key, depth + 1))
            return false;
        buf_adds(b, ": ");
        if (!repr(b, v->entries[i].value, depth + 1))
            return false;
    }
    buf_addc(b, '}');
    return !b->failed;
}

static bool repr_view(struct buf *b, const struct value *v, int depth)
{
    buf_adds(b, v->type == PYOBJ_KEYS ? "dict_keys(" : v->type == PYOBJ_VALUES ? "dict_values("
                                                                              : "dict_items(");
    bool ok = repr_items(b, v, depth);
    buf_addc(b, ')');
    return ok;
}

static bool repr(struct buf *b, const struct value *v, int depth)
{
    if (depth > PYREPR_DEPTH || b->failed)
        return false;
    switch (v->type) {
    case VALUE_NULL:
        buf_adds(b, "None");
        return true;
    case VALUE_BOOL:
        buf_adds(b, v->b ? "True" : "False");
        return true;
    case VALUE_INT:
        buf_printf(b, "%" PRId64, v->i);
        return true;
    case VALUE_FLOAT:
        json_write_float(b, v->f);
        return true;
    case VALUE_LIST:
    case VALUE_TUPLE:
        return repr_items(b, v, depth);
    case VALUE_DICT:
        return repr_dict(b, v, depth);
    case VALUE_UNDEFINED:
        buf_adds(b, "Undefined");
        return true;
    case PYOBJ_ITER:
        buf_adds(b, "<generator object>");
        return true;
    case PYOBJ_KEYS:
    case PYOBJ_VALUES:
    case PYOBJ_ITEMS:
        return repr_view(b, v, depth);
    default:
        if (v->type >= PYOBJ_OPAQUE)
            return buf_add(b, v->s, v->n) == 0;
        pyrepr_str(b, pystr(v->s, v->n));
        return !b->failed;
    }
}

bool pyrepr_value(struct buf *b, const struct value *v)
{
    return repr(b, v, 0);
}

bool pystr_value(struct buf *b, const struct value *v)
{
    if (v->type == VALUE_STR)
        return buf_add(b, v->s, v->n) == 0;
    return repr(b, v, 0);
}

struct pystr pystr_of(struct arena *a, const struct value *v)
{
    if (v->type == VALUE_STR)
        return pystr(v->s, v->n);
    struct buf b;
    struct pystr out = {NULL, 0};
    buf_init(&b, 64u << 20);
    if (pystr_value(&b, v))
        out = pystr(arena_strndup(a, b.v, b.n), b.n);
    buf_release(&b);
    return out;
}
