/* template_json.c - |tojson: values as Python's json.dumps writes them.
 *
 * Chat templates get transformers' filter (ensure_ascii=False, and all arguments), tasks get jinja2's
 * own (sorted keys, ASCII, and what HTML would read escaped). */
#include <math.h>
#include <string.h>
#include "harness/base/text.h"
#include "tasks/template_filters.h"

enum { MAX_INDENT = 10000 };

struct writer {
    struct render *r;
    struct buf *b;
    bool ascii, sorted, has_indent;
    struct pystr indent, item, key;        /* one level; between items; between key and value */
};

static bool write_value(struct writer *w, const struct value *v, int depth);

static void write_text(struct writer *w, struct pystr s)
{
    static const char from[] = "\"\\\n\r\t\f\b", to[] = "\"\\nrtfb";
    buf_addc(w->b, '"');
    for (size_t i = 0, k; i < s.n; i += k) {
        unsigned char c = (unsigned char)s.s[i];
        const char *p = c ? strchr(from, c) : NULL;
        uint32_t cp = c;
        k = c < 0x80 ? 1 : (size_t)text_decode(s.s + i, s.n - i, &cp);
        if (k == 0)
            k = 1;
        if (p)
            buf_printf(w->b, "\\%c", to[p - from]);
        else if (cp >= 0x10000 && w->ascii)
            buf_printf(w->b, "\\u%04x\\u%04x", 0xd800 + ((cp - 0x10000) >> 10),
                       0xdc00 + ((cp - 0x10000) & 0x3ff));
        else if (cp < 0x20 || (cp > 0x7e && w->ascii))
            buf_printf(w->b, "\\u%04x", cp);
        else
            buf_add(w->b, s.s + i, k);
    }
    buf_addc(w->b, '"');
}

static void new_line(struct writer *w, int depth)
{
    if (!w->has_indent)
        return;
    buf_addc(w->b, '\n');
    for (int i = 0; i < depth; i++)
        buf_add(w->b, w->indent.s, w->indent.n);
}

static bool write_items(struct writer *w, const struct value *v, int depth)
{
    if (v->n == 0) {
        buf_adds(w->b, "[]");
        return true;
    }
    buf_addc(w->b, '[');
    for (uint32_t i = 0; i < v->n; i++) {
        if (i)
            buf_add(w->b, w->item.s, w->item.n);
        new_line(w, depth + 1);
        if (!write_value(w, v->items[i], depth + 1))
            return false;
    }
    new_line(w, depth);
    buf_addc(w->b, ']');
    return true;
}

/* A key is text in the end: true, null and numbers as JSON says them. */
static bool write_key(struct writer *w, const struct value *k, int depth)
{
    if (k->type == VALUE_STR) {
        write_text(w, value_text(k));
        return true;
    }
    if (k->type > VALUE_STR)
        return render_fail(w->r, "keys of JSON must be str, int, float, bool or None, not %s",
                           render_type(k)) != NULL;
    buf_addc(w->b, '"');
    bool ok = write_value(w, k, depth);
    buf_addc(w->b, '"');
    return ok;
}

/* Places of the entries by their keys: insertion sort, as the dicts of templates are small. */
static uint32_t *sorted_places(struct writer *w, const struct value *v)
{
    uint32_t *at = ARENA_ARRAY(w->r->a, uint32_t, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t k = i;
        for (; k > 0; k--) {
            int less = render_less(w->r, '<', v->entries[i].key, v->entries[at[k - 1]].key);
            if (less < 0 || !render_step(w->r, 1))
                return NULL;
            if (!less)
                break;
            at[k] = at[k - 1];
        }
        at[k] = i;
    }
    return at;
}

static bool write_entries(struct writer *w, const struct value *v, int depth)
{
    if (v->n == 0) {
        buf_adds(w->b, "{}");
        return true;
    }
    uint32_t *at = w->sorted ? sorted_places(w, v) : NULL;
    if (w->sorted && !at)
        return false;
    buf_addc(w->b, '{');
    for (uint32_t i = 0; i < v->n; i++) {
        const struct value_entry *x = &v->entries[at ? at[i] : i];
        if (i)
            buf_add(w->b, w->item.s, w->item.n);
        new_line(w, depth + 1);
        if (!write_key(w, x->key, depth))
            return false;
        buf_add(w->b, w->key.s, w->key.n);
        if (!write_value(w, x->value, depth + 1))
            return false;
    }
    new_line(w, depth);
    buf_addc(w->b, '}');
    return true;
}

static bool write_value(struct writer *w, const struct value *v, int depth)
{
    if (depth > PYREPR_DEPTH)
        return render_fail(w->r, "value is nested too deeply for JSON") != NULL;
    if (w->b->failed || !render_step(w->r, 1))
        return false;
    switch (v->type) {
    case VALUE_NULL:
        buf_adds(w->b, "null");
        return true;
    case VALUE_BOOL:
        buf_adds(w->b, v->b ? "true" : "false");
        return true;
    case VALUE_FLOAT:
        if (!isfinite(v->f)) {
            buf_adds(w->b, isnan(v->f) ? "NaN" : v->f < 0 ? "-Infinity" : "Infinity");
            return true;
        }
        return pyrepr_value(w->b, v);
    case VALUE_INT:
        return pyrepr_value(w->b, v);
    case VALUE_STR:
        write_text(w, value_text(v));
        return true;
    case VALUE_LIST: case VALUE_TUPLE:
        return write_items(w, v, depth);
    case VALUE_DICT:
        return write_entries(w, v, depth);
    default:
        return render_fail(w->r, "Object of type %s is not JSON serializable",
                           v->type == VALUE_UNDEFINED ? "Undefined" : render_type(v)) != NULL;
    }
}

static bool set_indent(struct writer *w, const struct value *v)
{
    int64_t width;
    if (!v || v->type == VALUE_NULL)
        return true;
    w->has_indent = true;
    w->item = PYSTR(",");
    if (v->type == VALUE_STR) {
        w->indent = value_text(v);
        return w->indent.n <= MAX_INDENT || render_fail(w->r, "indent of more than %d", MAX_INDENT);
    }
    if (!filter_int(w->r, v, 0, &width))
        return false;
    if (width > MAX_INDENT)
        return render_fail(w->r, "indent of more than %d", MAX_INDENT) != NULL;
    size_t n = width > 0 ? (size_t)width : 0;
    char *blanks = arena_alloc(w->r->a, n + 1);
    memset(blanks, ' ', n);
    w->indent = pystr(blanks, n);
    return true;
}

static bool set_separators(struct writer *w, const struct value *v)
{
    struct items it;
    if (!v || v->type == VALUE_NULL)
        return true;
    if (!render_items(w->r, v, &it))
        return false;
    if (it.n != 2 || it.v[0]->type != VALUE_STR || it.v[1]->type != VALUE_STR)
        return render_fail(w->r, "separators of tojson are two texts") != NULL;
    w->item = value_text(it.v[0]);
    w->key = value_text(it.v[1]);
    return true;
}

static bool set_up(struct writer *w, const struct call *c, bool chat)
{
    const struct value *arg[4] = {NULL};
    struct signature all = {"tojson", "ensure_ascii,indent,separators,sort_keys", 0};
    struct signature own = {"tojson", "indent", 0};
    if (!call_bind(w->r, chat ? &all : &own, c, arg))
        return false;
    if (!chat)
        return set_indent(w, arg[0]);
    int ascii = filter_bool(w->r, arg[0]), sorted = filter_bool(w->r, arg[3]);
    w->ascii = ascii > 0;
    w->sorted = sorted > 0;
    return ascii >= 0 && sorted >= 0 && set_indent(w, arg[1]) && set_separators(w, arg[2]);
}

static void escape_html(struct buf *out, const struct buf *json)
{
    for (size_t i = 0; i < json->n; i++) {
        char c = json->v[i];
        if (c == '<' || c == '>' || c == '&' || c == '\'')
            buf_printf(out, "\\u%04x", (unsigned)c);
        else
            buf_addc(out, c);
    }
}

const struct value *filter_tojson(struct render *r, const struct filter_call_args *c)
{
    bool chat = (r->t->flags & TEMPLATE_CHAT) != 0;
    struct buf json, html;
    struct writer w = {.r = r, .b = &json, .ascii = !chat, .sorted = !chat, .item = PYSTR(", "),
                       .key = PYSTR(": ")};
    if (c->subject->type == VALUE_UNDEFINED && !c->subject->plain)
        return render_undefined_error(r, c->subject);
    buf_init(&json, TEMPLATE_MAX_OUTPUT);
    if (!set_up(&w, c->raw, chat) || !write_value(&w, c->subject, 0)) {
        bool long_text = json.failed;
        buf_release(&json);
        return long_text ? render_fail(r, "text is longer than %d bytes", TEMPLATE_MAX_OUTPUT) : NULL;
    }
    if (chat)
        return render_take(r, &json);
    buf_init(&html, TEMPLATE_MAX_OUTPUT);
    escape_html(&html, &json);
    html.failed |= json.failed;
    buf_release(&json);
    return render_take(r, &html);
}
