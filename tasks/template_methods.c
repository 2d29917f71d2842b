/* template_methods.c - what str, list, tuple, dict and loop objects can do.
 *
 * One row per method.  Values are immutable, so methods that change their object in place (append,
 * update, ...) have a row that says so. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "tasks/template_impl.h"

enum { ON_STR = 1, ON_LIST = 2, ON_TUPLE = 4, ON_DICT = 8, ON_LOOP = 16, ON_CYCLER = 32, ON_FLOAT = 64 };

typedef const struct value *method_fn(struct render *, const struct value *self,
                                      const struct value *const *arg);
struct method {
    const char *name, *params;
    uint8_t on, required;
    method_fn *fn;                         /* NULL: changes its object, refused */
};

/* -- arguments ------------------------------------------------------------------------------------- */

/* A str argument; absent or None gives `none`.  False: failed. */
static bool want_str(struct render *r, const struct value *v, struct pystr *out)
{
    if (!v || v->type == VALUE_NULL) {
        *out = (struct pystr){NULL, 0};
        return true;
    }
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v) != NULL;
    if (v->type != VALUE_STR)
        return render_fail(r, "argument must be str, not %s", render_type(v)) != NULL;
    *out = value_text(v);
    return true;
}

static bool must_str(struct render *r, const struct value *v, struct pystr *out)
{
    if (v->type == VALUE_NULL)
        return render_fail(r, "argument must be str, not NoneType") != NULL;
    return want_str(r, v, out);
}

static bool want_int(struct render *r, const struct value *v, int64_t absent, int64_t *out)
{
    *out = absent;
    if (!v)
        return true;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(r, v) != NULL;
    if (!value_is_integral(v))
        return render_fail(r, "'%s' object cannot be interpreted as an integer", render_type(v)) != NULL;
    *out = value_as_int(v);
    return true;
}

static const struct value *str_from(struct render *r, struct pystr s)
{
    return value_strn(r->a, s.s, s.n);
}

static const struct value *str_list(struct render *r, const struct pystr *p, size_t n)
{
    if (!render_step(r, n))
        return NULL;
    const struct value **v = ARENA_ARRAY(r->a, const struct value *, n + 1);
    for (size_t i = 0; i < n; i++)
        v[i] = str_from(r, p[i]);
    return render_list(r, VALUE_LIST, v, n);
}

/* -- str: case and classes ------------------------------------------------------------------------- */

static const struct value *convert(struct render *r, const struct value *self, enum pytext_case k)
{
    struct buf b;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_convert(&b, value_text(self), k);
    return render_take(r, &b);
}

#define CASE_METHOD(name, k)                                                                          \
    static const struct value *name(struct render *r, const struct value *self,                       \
                                    const struct value *const *arg)                                   \
    {                                                                                                 \
        (void)arg;                                                                                    \
        return convert(r, self, k);                                                                   \
    }
CASE_METHOD(str_lower, PYTEXT_TO_LOWER)
CASE_METHOD(str_upper, PYTEXT_TO_UPPER)
CASE_METHOD(str_title, PYTEXT_TO_TITLE)
CASE_METHOD(str_capitalize, PYTEXT_TO_CAPITALIZED)
CASE_METHOD(str_swapcase, PYTEXT_TO_SWAPPED)
CASE_METHOD(str_casefold, PYTEXT_TO_FOLDED)

#define CLASS_METHOD(name, k)                                                                         \
    static const struct value *name(struct render *r, const struct value *self,                       \
                                    const struct value *const *arg)                                   \
    {                                                                                                 \
        (void)r;                                                                                      \
        (void)arg;                                                                                    \
        return value_bool(pytext_is(value_text(self), k));                                            \
    }
CLASS_METHOD(str_isalnum, PYTEXT_ALNUM)
CLASS_METHOD(str_isalpha, PYTEXT_ALPHA)
CLASS_METHOD(str_isascii, PYTEXT_ASCII)
CLASS_METHOD(str_isdecimal, PYTEXT_DECIMAL)
CLASS_METHOD(str_isdigit, PYTEXT_DIGIT)
CLASS_METHOD(str_isidentifier, PYTEXT_IDENTIFIER)
CLASS_METHOD(str_islower, PYTEXT_LOWER)
CLASS_METHOD(str_isnumeric, PYTEXT_NUMERIC)
CLASS_METHOD(str_isprintable, PYTEXT_PRINTABLE)
CLASS_METHOD(str_isspace, PYTEXT_SPACE)
CLASS_METHOD(str_istitle, PYTEXT_TITLE)
CLASS_METHOD(str_isupper, PYTEXT_UPPER)

/* -- str: cutting ---------------------------------------------------------------------------------- */

static const struct value *strip(struct render *r, const struct value *self, const struct value *chars,
                                 int sides)
{
    struct pystr set, s = value_text(self);
    if (!want_str(r, chars, &set))
        return NULL;
    struct pystr out = set.s ? pytext_strip_chars(s, sides, set) : pytext_strip(s, sides);
    return out.n == s.n ? self : str_from(r, out);
}

static const struct value *str_strip(struct render *r, const struct value *self,
                                     const struct value *const *arg)
{
    return strip(r, self, arg[0], PYTEXT_BOTH);
}

static const struct value *str_lstrip(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    return strip(r, self, arg[0], PYTEXT_LEFT);
}

static const struct value *str_rstrip(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    return strip(r, self, arg[0], PYTEXT_RIGHT);
}

static const struct value *split(struct render *r, const struct value *self, const struct value *const *arg,
                                 bool right)
{
    struct pystr sep;
    int64_t max;
    size_t n;
    if (!want_str(r, arg[0], &sep) || !want_int(r, arg[1], -1, &max))
        return NULL;
    if (sep.s && sep.n == 0)
        return render_fail(r, "empty separator");
    struct pystr *p = right ? pytext_rsplit(r->a, value_text(self), sep, max, &n)
                            : pytext_split(r->a, value_text(self), sep, max, &n);
    return str_list(r, p, n);
}

static const struct value *str_split(struct render *r, const struct value *self,
                                     const struct value *const *arg)
{
    return split(r, self, arg, false);
}

static const struct value *str_rsplit(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    return split(r, self, arg, true);
}

static const struct value *str_splitlines(struct render *r, const struct value *self,
                                          const struct value *const *arg)
{
    size_t n;
    int keep = arg[0] ? render_truth(r, arg[0]) : 0;
    if (keep < 0)
        return NULL;
    struct pystr *p = pytext_splitlines(r->a, value_text(self), keep, &n);
    return str_list(r, p, n);
}

static const struct value *partition(struct render *r, const struct value *self, const struct value *by,
                                     bool right)
{
    struct pystr sep, s = value_text(self), part[3] = {s, PYSTR(""), PYSTR("")};
    if (!must_str(r, by, &sep))
        return NULL;
    if (sep.n == 0)
        return render_fail(r, "empty separator");
    size_t at = right ? pytext_rfind_bytes(s, sep) : pytext_find_bytes(s, sep, 0);
    if (at != (size_t)-1) {
        part[0] = pystr(s.s, at);
        part[1] = sep;
        part[2] = pystr(s.s + at + sep.n, s.n - at - sep.n);
    } else if (right) {
        part[0] = PYSTR("");
        part[2] = s;
    }
    const struct value *list = str_list(r, part, 3);
    return list ? render_list(r, VALUE_TUPLE, list->items, 3) : NULL;
}

static const struct value *str_partition(struct render *r, const struct value *self,
                                         const struct value *const *arg)
{
    return partition(r, self, arg[0], false);
}

static const struct value *str_rpartition(struct render *r, const struct value *self,
                                          const struct value *const *arg)
{
    return partition(r, self, arg[0], true);
}

static const struct value *str_removeprefix(struct render *r, const struct value *self,
                                            const struct value *const *arg)
{
    struct pystr x, s = value_text(self);
    if (!must_str(r, arg[0], &x))
        return NULL;
    return x.n && pytext_starts(s, x) ? str_from(r, pystr(s.s + x.n, s.n - x.n)) : self;
}

static const struct value *str_removesuffix(struct render *r, const struct value *self,
                                            const struct value *const *arg)
{
    struct pystr x, s = value_text(self);
    if (!must_str(r, arg[0], &x))
        return NULL;
    return x.n && pytext_ends(s, x) ? str_from(r, pystr(s.s, s.n - x.n)) : self;
}

/* -- str: searching -------------------------------------------------------------------------------- */

/* The part of self between optional start and stop (code points); *base is its first code point.
 * False when start lies behind the end: nothing, not even "", is found there. */
static bool window(struct render *r, const struct value *self, const struct value *const *arg,
                   struct pystr *out, int64_t *base)
{
    struct pyslice sl = {.has_start = arg[0] && arg[0]->type != VALUE_NULL,
                         .has_stop = arg[1] && arg[1]->type != VALUE_NULL};
    struct pystr s = value_text(self);
    int64_t b[3];
    *base = 0;
    *out = s;
    if (!sl.has_start && !sl.has_stop)
        return true;
    if ((sl.has_start && !want_int(r, arg[0], 0, &sl.start)) ||
        (sl.has_stop && !want_int(r, arg[1], 0, &sl.stop)))
        return false;
    size_t len = pytext_len(s);
    pytext_slice_bounds(&sl, len, b);
    if ((sl.has_start && sl.start > (int64_t)len) || b[1] < b[0])
        return false;
    *base = b[0];
    *out = pytext_part(s, (size_t)b[0], (size_t)b[1]);
    return true;
}

static bool find(struct render *r, const struct value *self, const struct value *const *arg, bool last,
                 int64_t *out)
{
    struct pystr needle, in;
    int64_t base;
    *out = -1;
    if (!must_str(r, arg[0], &needle))
        return false;
    if (!window(r, self, arg + 1, &in, &base))
        return !r->failed;
    size_t at = last ? pytext_rfind_bytes(in, needle) : pytext_find_bytes(in, needle, 0);
    if (at != (size_t)-1)
        *out = base + (int64_t)pytext_len(pystr(in.s, at));
    return true;
}

#define FIND_METHOD(name, last, strict)                                                               \
    static const struct value *name(struct render *r, const struct value *self,                       \
                                    const struct value *const *arg)                                   \
    {                                                                                                 \
        int64_t at;                                                                                   \
        if (!find(r, self, arg, last, &at))                                                           \
            return NULL;                                                                              \
        return strict && at < 0 ? render_fail(r, "substring not found") : value_int(r->a, at);        \
    }
FIND_METHOD(str_find, false, false)
FIND_METHOD(str_rfind, true, false)
FIND_METHOD(str_index, false, true)
FIND_METHOD(str_rindex, true, true)

static const struct value *str_count(struct render *r, const struct value *self,
                                     const struct value *const *arg)
{
    struct pystr needle, in;
    int64_t base;
    if (!must_str(r, arg[0], &needle))
        return NULL;
    if (!window(r, self, arg + 1, &in, &base))
        return r->failed ? NULL : value_int(r->a, 0);
    return value_int(r->a, (int64_t)pytext_count(in, needle));
}

/* startswith and endswith take a str or a tuple of them. */
static const struct value *has_affix(struct render *r, const struct value *self,
                                     const struct value *const *arg, bool end)
{
    struct pystr in, x;
    int64_t base;
    bool inside = window(r, self, arg + 1, &in, &base);
    const struct value *const *v = arg[0]->type == VALUE_TUPLE ? arg[0]->items : arg;
    uint32_t n = arg[0]->type == VALUE_TUPLE ? arg[0]->n : 1;
    for (uint32_t i = 0; i < n && !r->failed; i++) {
        if (!must_str(r, v[i], &x))
            return NULL;
        if (inside && (end ? pytext_ends(in, x) : pytext_starts(in, x)))
            return &value_true;
    }
    return r->failed ? NULL : &value_false;
}

static const struct value *str_startswith(struct render *r, const struct value *self,
                                          const struct value *const *arg)
{
    return has_affix(r, self, arg, false);
}

static const struct value *str_endswith(struct render *r, const struct value *self,
                                        const struct value *const *arg)
{
    return has_affix(r, self, arg, true);
}

/* -- str: building --------------------------------------------------------------------------------- */

static const struct value *str_replace(struct render *r, const struct value *self,
                                       const struct value *const *arg)
{
    struct pystr from, to;
    int64_t count;
    struct buf b;
    if (!must_str(r, arg[0], &from) || !must_str(r, arg[1], &to) || !want_int(r, arg[2], -1, &count))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_replace(&b, value_text(self), from, to, count);
    return render_take(r, &b);
}

static const struct value *str_join(struct render *r, const struct value *self,
                                    const struct value *const *arg)
{
    struct items it;
    struct buf b;
    if (!render_items(r, arg[0], &it))
        return NULL;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (uint32_t i = 0; i < it.n && !b.failed; i++) {
        if (it.v[i]->type != VALUE_STR) {
            buf_release(&b);
            return render_fail(r, "sequence item %u: expected str instance, %s found", i,
                               render_type(it.v[i]));
        }
        if (i)
            buf_add(&b, self->s, self->n);
        buf_add(&b, it.v[i]->s, it.v[i]->n);
    }
    return render_take(r, &b);
}

static const struct value *pad(struct render *r, const struct value *self, const struct value *const *arg,
                               enum pytext_align how)
{
    struct pystr fill = PYSTR(" ");
    int64_t width;
    struct buf b;
    if (!want_int(r, arg[0], 0, &width) || (arg[1] && !must_str(r, arg[1], &fill)))
        return NULL;
    if (pytext_len(fill) != 1)
        return render_fail(r, "the fill character must be exactly one character long");
    if (width > TEMPLATE_MAX_OUTPUT)
        return render_fail(r, "width is larger than %d", TEMPLATE_MAX_OUTPUT);
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    pytext_pad(&b, value_text(self), how, width, fill);
    return render_take(r, &b);
}

#define PAD_METHOD(name, how)                                                                         \
    static const struct value *name(struct render *r, const struct value *self,                       \
                                    const struct value *const *arg)                                   \
    {                                                                                                 \
        return pad(r, self, arg, how);                                                                \
    }
PAD_METHOD(str_center, PYTEXT_CENTER)
PAD_METHOD(str_ljust, PYTEXT_LJUST)
PAD_METHOD(str_rjust, PYTEXT_RJUST)
PAD_METHOD(str_zfill, PYTEXT_ZFILL)

/* -- list and tuple -------------------------------------------------------------------------------- */

static const struct value *list_count(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    int64_t n = 0;
    for (uint32_t i = 0; i < self->n; i++) {
        int eq = self->items[i] == arg[0] ? 1 : render_equal(r, self->items[i], arg[0]);
        if (eq < 0)
            return NULL;
        n += eq;
    }
    return value_int(r->a, n);
}

static const struct value *list_index(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    struct pyslice sl = {.has_start = arg[1] != NULL, .has_stop = arg[2] != NULL};
    int64_t b[3];
    if (!want_int(r, arg[1], 0, &sl.start) || !want_int(r, arg[2], 0, &sl.stop))
        return NULL;
    pytext_slice_bounds(&sl, self->n, b);
    for (int64_t i = b[0]; i < b[1]; i++) {
        int eq = self->items[i] == arg[0] ? 1 : render_equal(r, self->items[i], arg[0]);
        if (eq < 0)
            return NULL;
        if (eq)
            return value_int(r->a, i);
    }
    if (self->type == VALUE_TUPLE)
        return render_fail(r, "tuple.index(x): x not in tuple");
    struct pystr s = render_str(r, arg[0]);
    return s.s ? render_fail(r, "'%.*s' is not in list", (int)(s.n > 80 ? 80 : s.n), s.s) : NULL;
}

static const struct value *list_copy(struct render *r, const struct value *self,
                                     const struct value *const *arg)
{
    (void)r;
    (void)arg;
    return self;
}

/* -- dict ------------------------------------------------------------------------------------------ */

static const struct value *dict_view(struct render *r, const struct value *self, enum pyobject kind)
{
    const struct value **v = ARENA_ARRAY(r->a, const struct value *, (size_t)self->n + 1);
    for (uint32_t i = 0; i < self->n; i++) {
        const struct value *pair[2] = {self->entries[i].key, self->entries[i].value};
        if (kind == PYOBJ_ITEMS) {
            struct value *t = value_list(r->a, pair, 2);
            t->type = VALUE_TUPLE;
            v[i] = t;
        } else {
            v[i] = pair[kind == PYOBJ_VALUES];
        }
    }
    return render_step(r, self->n) ? render_list(r, (uint8_t)kind, v, self->n) : NULL;
}

static const struct value *dict_items(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    (void)arg;
    return dict_view(r, self, PYOBJ_ITEMS);
}

static const struct value *dict_keys(struct render *r, const struct value *self,
                                     const struct value *const *arg)
{
    (void)arg;
    return dict_view(r, self, PYOBJ_KEYS);
}

static const struct value *dict_values(struct render *r, const struct value *self,
                                       const struct value *const *arg)
{
    (void)arg;
    return dict_view(r, self, PYOBJ_VALUES);
}

static const struct value *dict_get(struct render *r, const struct value *self,
                                    const struct value *const *arg)
{
    if (arg[0]->type == VALUE_UNDEFINED && !arg[0]->plain)
        return render_undefined_error(r, arg[0]);
    if (arg[0]->type == VALUE_LIST || arg[0]->type == VALUE_DICT)
        return render_fail(r, "unhashable type: '%s'", render_type(arg[0]));
    for (uint32_t i = 0; i < self->n; i++)
        if (value_equal(self->entries[i].key, arg[0]))
            return self->entries[i].value;
    return arg[1] ? arg[1] : &value_null;
}

/* -- loop, cycler, float --------------------------------------------------------------------------- */

/* Arguments of the variadic methods arrive as one tuple. */
static const struct value *loop_cycle(struct render *r, const struct value *self,
                                      const struct value *const *arg)
{
    if (arg[0]->n == 0)
        return render_fail(r, "no items for cycling given");
    return arg[0]->items[((const struct obj_loop *)self)->index0 % arg[0]->n];
}

static const struct value *loop_changed(struct render *r, const struct value *self,
                                        const struct value *const *arg)
{
    struct obj_loop *l = (struct obj_loop *)(uintptr_t)self;
    int eq = l->changed ? render_equal(r, l->changed, arg[0]) : 0;
    if (eq < 0)
        return NULL;
    l->changed = arg[0];
    return value_bool(!eq);
}

static const struct value *cycler_next(struct render *r, const struct value *self,
                                       const struct value *const *arg)
{
    struct obj_cycler *c = (struct obj_cycler *)(uintptr_t)self;
    (void)r;
    (void)arg;
    return c->items[c->pos++ % c->n];
}

static const struct value *cycler_reset(struct render *r, const struct value *self,
                                        const struct value *const *arg)
{
    (void)r;
    (void)arg;
    ((struct obj_cycler *)(uintptr_t)self)->pos = 0;
    return &value_null;
}

static const struct value *float_is_integer(struct render *r, const struct value *self,
                                            const struct value *const *arg)
{
    (void)r;
    (void)arg;
    return value_bool(self->f - self->f == 0 && self->f == __builtin_floor(self->f));
}

/* -- the table, sorted by name --------------------------------------------------------------------- */

/* params "*": every positional argument, as one tuple; "**": template_format's, whatever is given. */
static const struct method methods[] = {
    {"append", "x", ON_LIST, 0, NULL},
    {"capitalize", "", ON_STR, 0, str_capitalize},
    {"casefold", "", ON_STR, 0, str_casefold},
    {"center", "width,fillchar", ON_STR, 1, str_center},
    {"changed", "*", ON_LOOP, 0, loop_changed},
    {"clear", "", ON_LIST | ON_DICT, 0, NULL},
    {"copy", "", ON_LIST | ON_DICT, 0, list_copy},
    {"count", "sub,start,end", ON_STR, 1, str_count},
    {"count", "value", ON_LIST | ON_TUPLE, 1, list_count},
    {"cycle", "*", ON_LOOP, 0, loop_cycle},
    {"endswith", "suffix,start,end", ON_STR, 1, str_endswith},
    {"extend", "x", ON_LIST, 0, NULL},
    {"find", "sub,start,end", ON_STR, 1, str_find},
    {"format", "**", ON_STR, 0, NULL},
    {"get", "key,default", ON_DICT, 1, dict_get},
    {"index", "sub,start,end", ON_STR, 1, str_index},
    {"index", "value,start,stop", ON_LIST | ON_TUPLE, 1, list_index},
    {"insert", "i,x", ON_LIST, 0, NULL},
    {"is_integer", "", ON_FLOAT, 0, float_is_integer},
    {"isalnum", "", ON_STR, 0, str_isalnum},
    {"isalpha", "", ON_STR, 0, str_isalpha},
    {"isascii", "", ON_STR, 0, str_isascii},
    {"isdecimal", "", ON_STR, 0, str_isdecimal},
    {"isdigit", "", ON_STR, 0, str_isdigit},
    {"isidentifier", "", ON_STR, 0, str_isidentifier},
    {"islower", "", ON_STR, 0, str_islower},
    {"isnumeric", "", ON_STR, 0, str_isnumeric},
    {"isprintable", "", ON_STR, 0, str_isprintable},
    {"isspace", "", ON_STR, 0, str_isspace},
    {"istitle", "", ON_STR, 0, str_istitle},
    {"isupper", "", ON_STR, 0, str_isupper},
    {"items", "", ON_DICT, 0, dict_items},
    {"join", "iterable", ON_STR, 1, str_join},
    {"keys", "", ON_DICT, 0, dict_keys},
    {"ljust", "width,fillchar", ON_STR, 1, str_ljust},
    {"lower", "", ON_STR, 0, str_lower},
    {"lstrip", "chars", ON_STR, 0, str_lstrip},
    {"next", "", ON_CYCLER, 0, cycler_next},
    {"partition", "sep", ON_STR, 1, str_partition},
    {"pop", "x,y", ON_LIST | ON_DICT, 0, NULL},
    {"popitem", "", ON_DICT, 0, NULL},
    {"remove", "x", ON_LIST, 0, NULL},
    {"removeprefix", "prefix", ON_STR, 1, str_removeprefix},
    {"removesuffix", "suffix", ON_STR, 1, str_removesuffix},
    {"replace", "old,new,count", ON_STR, 2, str_replace},
    {"reset", "", ON_CYCLER, 0, cycler_reset},
    {"reverse", "", ON_LIST, 0, NULL},
    {"rfind", "sub,start,end", ON_STR, 1, str_rfind},
    {"rindex", "sub,start,end", ON_STR, 1, str_rindex},
    {"rjust", "width,fillchar", ON_STR, 1, str_rjust},
    {"rpartition", "sep", ON_STR, 1, str_rpartition},
    {"rsplit", "sep,maxsplit", ON_STR, 0, str_rsplit},
    {"rstrip", "chars", ON_STR, 0, str_rstrip},
    {"setdefault", "x,y", ON_DICT, 0, NULL},
    {"sort", "x", ON_LIST, 0, NULL},
    {"split", "sep,maxsplit", ON_STR, 0, str_split},
    {"splitlines", "keepends", ON_STR, 0, str_splitlines},
    {"startswith", "prefix,start,end", ON_STR, 1, str_startswith},
    {"strip", "chars", ON_STR, 0, str_strip},
    {"swapcase", "", ON_STR, 0, str_swapcase},
    {"title", "", ON_STR, 0, str_title},
    {"update", "x", ON_DICT, 0, NULL},
    {"upper", "", ON_STR, 0, str_upper},
    {"values", "", ON_DICT, 0, dict_values},
    {"zfill", "width", ON_STR, 1, str_zfill},
};
enum { N_METHODS = sizeof methods / sizeof methods[0] };

static unsigned kind_of(const struct value *v)
{
    switch (v->type) {
    case VALUE_STR:
        return ON_STR;
    case VALUE_LIST:
        return ON_LIST;
    case VALUE_TUPLE:
        return ON_TUPLE;
    case VALUE_DICT:
        return ON_DICT;
    case VALUE_FLOAT:
        return ON_FLOAT;
    case OBJ_LOOP:
        return ON_LOOP;
    case OBJ_CYCLER:
        return ON_CYCLER;
    default:
        return 0;
    }
}

static int compare_name(struct pystr name, const char *row)
{
    int c = strncmp(name.s, row, name.n);
    return c ? c : row[name.n] ? -1 : 0;
}

const void *template_method(const struct value *v, struct pystr name)
{
    unsigned kind = kind_of(v);
    size_t lo = 0, hi = N_METHODS;
    if (!kind || memchr(name.s, 0, name.n))
        return NULL;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (compare_name(name, methods[mid].name) > 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < N_METHODS && compare_name(name, methods[lo].name) == 0; lo++)
        if (methods[lo].on & kind)
            return &methods[lo];
    return NULL;
}

const struct value *template_method_call(struct render *r, const void *row, const struct value *self,
                                         const struct call *c)
{
    const struct method *m = row;
    const struct value *arg[4] = {NULL};
    struct signature s = {m->name, m->params, m->required};
    if (strcmp(m->params, "**") == 0)
        return template_format(r, self, c);
    if (!m->fn)
        return render_fail(r, "'%s' would change a %s in place; build a new one instead", m->name,
                           render_type(self));
    if (*m->params == '*') {
        if (c->n_kw)
            return render_fail(r, "%s has no argument '%s'", m->name, c->kw_names[0]->s);
        arg[0] = render_list(r, VALUE_TUPLE, c->pos, c->n_pos);
        return m->fn(r, self, arg);
    }
    return call_bind(r, &s, c, arg) ? m->fn(r, self, arg) : NULL;
}
