/* template_ops.c - Python's operators over values: arithmetic, comparison, membership, "%" formatting.
 *
 * Integers are 64-bit: a result beyond that is an error, never a wrapped number. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "harness/base/json.h"
#include "tasks/template_filters.h"

/* -- arithmetic ------------------------------------------------------------------------------------ */

static const struct value *overflow(struct render *r)
{
    return render_fail(r, "integer result does not fit 64 bits");
}

static const struct value *floor_div(struct render *r, int64_t a, int64_t b, bool mod)
{
    if (b == 0)
        return render_fail(r, "integer division or modulo by zero");
    if (b == -1)
        return mod ? value_int(r->a, 0) : a == INT64_MIN ? overflow(r) : value_int(r->a, -a);
    int64_t q = a / b, m = a % b;
    if (m != 0 && (m < 0) != (b < 0)) {
        q--;
        m += b;
    }
    return value_int(r->a, mod ? m : q);
}

static const struct value *int_pow(struct render *r, int64_t base, int64_t exp)
{
    if (exp < 0) {
        if (base == 0)
            return render_fail(r, "0.0 cannot be raised to a negative power");
        return value_float(r->a, pow((double)base, (double)exp));
    }
    int64_t out = 1;
    while (exp > 0) {
        if ((exp & 1) && __builtin_mul_overflow(out, base, &out))
            return overflow(r);
        exp >>= 1;
        if (exp && __builtin_mul_overflow(base, base, &base))
            return overflow(r);
    }
    return value_int(r->a, out);
}

static const struct value *int_op(struct render *r, int op, int64_t a, int64_t b)
{
    int64_t out;
    bool over;
    switch (op) {
    case '+':
        over = __builtin_add_overflow(a, b, &out);
        break;
    case '-':
        over = __builtin_sub_overflow(a, b, &out);
        break;
    case '*':
        over = __builtin_mul_overflow(a, b, &out);
        break;
    case '/':
        if (b == 0)
            return render_fail(r, "division by zero");
        return value_float(r->a, (double)((long double)a / (long double)b));
    case OP_POW:
        return int_pow(r, a, b);
    default:
        return floor_div(r, a, b, op == '%');
    }
    return over ? overflow(r) : value_int(r->a, out);
}

static double float_mod(double a, double b)
{
    double m = fmod(a, b);
    if (m != 0)
        return (b < 0) != (m < 0) ? m + b : m;
    return copysign(0.0, b);
}

/* CPython's float //: the quotient of what the modulo leaves, rounded to the nearest integer. */
static double float_floor_div(double a, double b)
{
    double m = fmod(a, b), q = (a - m) / b;
    if (m != 0 && (b < 0) != (m < 0))
        q -= 1.0;
    if (q == 0)
        return copysign(0.0, a / b);
    double f = floor(q);
    return q - f > 0.5 ? f + 1.0 : f;
}

static const struct value *float_op(struct render *r, int op, double a, double b)
{
    if (b == 0 && (op == '/' || op == OP_FLOORDIV || op == '%'))
        return render_fail(r, op == '%' ? "float modulo" : "float division by zero");
    switch (op) {
    case '+':
        return value_float(r->a, a + b);
    case '-':
        return value_float(r->a, a - b);
    case '*':
        return value_float(r->a, a * b);
    case '/':
        return value_float(r->a, a / b);
    case '%':
        return value_float(r->a, float_mod(a, b));
    case OP_FLOORDIV:
        return value_float(r->a, float_floor_div(a, b));
    default:
        break;
    }
    if (a == 0 && b < 0)
        return render_fail(r, "0.0 cannot be raised to a negative power");
    if (a < 0 && isfinite(a) && isfinite(b) && floor(b) != b)
        return render_fail(r, "a negative number to a fractional power is complex");
    double p = pow(a, b);
    if (isinf(p) && isfinite(a) && isfinite(b))
        return render_fail(r, "result too large");
    return value_float(r->a, p);
}

/* Doubles what is there: as fast for many short strings as for one long one. */
static const struct value *repeat_text(struct render *r, const struct value *v, uint64_t n)
{
    if (n && v->n > TEMPLATE_MAX_OUTPUT / n)
        return render_fail(r, "repeated string is longer than %d bytes", TEMPLATE_MAX_OUTPUT);
    size_t size = (size_t)(n * v->n), done = n ? v->n : 0;
    if (!render_step(r, size / TEMPLATE_STEP_BYTES))
        return NULL;
    char *text = arena_alloc(r->a, size + 1);
    if (done)
        memcpy(text, v->s, done);
    for (size_t k; done < size; done += k) {
        k = done < size - done ? done : size - done;
        memcpy(text + done, text, k);
    }
    return value_str_ref(r->a, text, size);
}

static const struct value *repeat(struct render *r, const struct value *v, int64_t times)
{
    uint64_t n = times > 0 && v->n > 0 ? (uint64_t)times : 0;
    if (v->type == VALUE_STR)
        return repeat_text(r, v, n);
    if (n > TEMPLATE_MAX_STEPS || !render_step(r, n * v->n))
        return r->failed ? NULL : render_fail(r, "repeated list is too long");
    const struct value **items = ARENA_ARRAY(r->a, const struct value *, n * v->n + 1);
    for (uint64_t i = 0; i < n; i++)
        memcpy(items + i * v->n, v->items, v->n * sizeof(struct value *));
    return render_list(r, v->type, items, n * v->n);
}

/* What is safe stays as it is, what joins it is escaped. */
static const struct value *concat_markup(struct render *r, const struct value *a, const struct value *b)
{
    a = a->markup ? a : filter_markup(r, a);
    b = !a ? NULL : b->markup ? b : filter_markup(r, b);
    if (!b)
        return NULL;
    struct value plain_a = *a, plain_b = *b;
    plain_a.markup = plain_b.markup = 0;
    struct value *out = (struct value *)(uintptr_t)render_binary(r, '+', &plain_a, &plain_b);
    if (out)
        out->markup = 1;
    return out;
}

static const struct value *concat(struct render *r, const struct value *a, const struct value *b)
{
    if (a->type == VALUE_STR) {
        if (a->markup || b->markup)
            return concat_markup(r, a, b);
        if ((uint64_t)a->n + b->n > TEMPLATE_MAX_OUTPUT)
            return render_fail(r, "string is longer than %d bytes", TEMPLATE_MAX_OUTPUT);
        char *s = arena_alloc(r->a, (size_t)a->n + b->n + 1);
        memcpy(s, a->s, a->n);
        memcpy(s + a->n, b->s, b->n);
        return value_str_ref(r->a, s, (size_t)a->n + b->n);
    }
    if (!render_step(r, (uint64_t)a->n + b->n))
        return NULL;
    const struct value **items = ARENA_ARRAY(r->a, const struct value *, (size_t)a->n + b->n + 1);
    if (a->n)
        memcpy(items, a->items, a->n * sizeof(struct value *));
    if (b->n)
        memcpy(items + a->n, b->items, b->n * sizeof(struct value *));
    return render_list(r, a->type, items, (size_t)a->n + b->n);
}

static bool is_sequence(const struct value *v)
{
    return v->type == VALUE_STR || v->type == VALUE_LIST || v->type == VALUE_TUPLE;
}

const struct value *render_binary(struct render *r, int op, const struct value *a,
                                  const struct value *b)
{
    static const char *const names[] = {"//", "** or pow()"};
    if (a->type == VALUE_UNDEFINED)
        return render_undefined_error(r, a);
    if (op == '%' && a->type == VALUE_STR)
        return render_format(r, value_text(a), b);
    if (b->type == VALUE_UNDEFINED)
        return render_undefined_error(r, b);
    if (value_is_integral(a) && value_is_integral(b))
        return int_op(r, op, value_as_int(a), value_as_int(b));
    if (value_is_number(a) && value_is_number(b))
        return float_op(r, op, value_as_float(a), value_as_float(b));
    if (op == '+' && a->type == b->type && is_sequence(a))
        return concat(r, a, b);
    if (op == '*' && is_sequence(a) && value_is_integral(b))
        return repeat(r, a, value_as_int(b));
    if (op == '*' && is_sequence(b) && value_is_integral(a))
        return repeat(r, b, value_as_int(a));
    char single[2] = {(char)op, 0};
    return render_fail(r, "unsupported operand types for %s: '%s' and '%s'",
                       op >= OP_FLOORDIV ? names[op - OP_FLOORDIV] : single, render_type(a),
                       render_type(b));
}

/* -- comparison ------------------------------------------------------------------------------------ */

/* Exact order of an int and a float: -1, 0, 1; 2 for NaN. */
static int compare_int_float(int64_t i, double f)
{
    if (isnan(f))
        return 2;
    if (f >= 9223372036854775808.0)
        return -1;
    if (f < -9223372036854775808.0)
        return 1;
    int64_t whole = (int64_t)f;
    if (i != whole)
        return i < whole ? -1 : 1;
    double rest = f - (double)whole;
    return rest > 0 ? -1 : rest < 0 ? 1 : 0;
}

static int compare_numbers(const struct value *a, const struct value *b)
{
    if (a->type == VALUE_FLOAT && b->type == VALUE_FLOAT)
        return isnan(a->f) || isnan(b->f) ? 2 : a->f < b->f ? -1 : a->f > b->f;
    if (a->type == VALUE_FLOAT) {
        int c = compare_int_float(value_as_int(b), a->f);
        return c == 2 ? 2 : -c;
    }
    if (b->type == VALUE_FLOAT)
        return compare_int_float(value_as_int(a), b->f);
    int64_t x = value_as_int(a), y = value_as_int(b);
    return x < y ? -1 : x > y;
}

static int equal(struct render *r, const struct value *a, const struct value *b, int depth);

static int equal_dicts(struct render *r, const struct value *a, const struct value *b, int depth)
{
    if (a->n != b->n)
        return 0;
    for (uint32_t i = 0; i < a->n; i++) {
        const struct value *other = NULL;
        for (uint32_t j = 0; j < b->n && !other; j++)
            if (value_equal(a->entries[i].key, b->entries[j].key))
                other = b->entries[j].value;
        int eq = other ? equal(r, a->entries[i].value, other, depth + 1) : 0;
        if (eq != 1)
            return eq;
    }
    return 1;
}

static bool is_list_like(const struct value *v)
{
    return v->type == VALUE_LIST || v->type == VALUE_TUPLE || v->type == PYOBJ_KEYS ||
           v->type == PYOBJ_ITEMS;
}

static int equal_lists(struct render *r, const struct value *a, const struct value *b, int depth)
{
    if (a->n != b->n)
        return 0;
    for (uint32_t i = 0; i < a->n; i++) {
        int eq = equal(r, a->items[i], b->items[i], depth + 1);
        if (eq != 1)
            return eq;
    }
    return 1;
}

static bool equal_ranges(const struct obj_range *a, const struct obj_range *b)
{
    return a->len == b->len &&
           (a->len == 0 || (a->start == b->start && (a->len == 1 || a->step == b->step)));
}

static int equal(struct render *r, const struct value *a, const struct value *b, int depth)
{
    if (a->type == VALUE_UNDEFINED || b->type == VALUE_UNDEFINED) {
        const struct value *u = a->type == VALUE_UNDEFINED ? a : b;
        /* Identical objects inside containers are equal without a comparison, as in CPython. */
        if (a == b && depth > 0)
            return 1;
        const struct value *other = u == a ? b : a;
        if (u->plain && (other->type != VALUE_UNDEFINED || other->plain))
            return other->type == VALUE_UNDEFINED;
        render_undefined_error(r, u->plain ? other : u);
        return -1;
    }
    if (depth > PYREPR_DEPTH || !render_step(r, 1)) {
        if (!r->failed)
            render_fail(r, "values are nested too deeply to compare");
        return -1;
    }
    if (value_is_number(a) && value_is_number(b))
        return compare_numbers(a, b) == 0 || (a == b && depth > 0);
    if (a == b)
        return 1;
    if (a->type != b->type)
        return 0;
    if (is_list_like(a))
        return equal_lists(r, a, b, depth);
    switch (a->type) {
    case VALUE_NULL:
        return 1;
    case VALUE_STR:
        return a->n == b->n && memcmp(a->s, b->s, a->n) == 0;
    case VALUE_DICT:
        return equal_dicts(r, a, b, depth);
    case OBJ_RANGE:
        return equal_ranges((const struct obj_range *)a, (const struct obj_range *)b);
    default:
        return 0;
    }
}

int render_equal(struct render *r, const struct value *a, const struct value *b)
{
    return equal(r, a, b, 0);
}

static bool holds(int op, int c)
{
    switch (op) {
    case '<':
        return c == -1;
    case '>':
        return c == 1;
    case OP_LE:
        return c == -1 || c == 0;
    default:
        return c == 1 || c == 0;
    }
}

static int compare_text(struct pystr a, struct pystr b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.s, b.s, n) : 0;
    if (c == 0)
        return a.n < b.n ? -1 : a.n > b.n;
    return c < 0 ? -1 : 1;
}

static int less(struct render *r, int op, const struct value *a, const struct value *b, int depth)
{
    if (a->type == VALUE_UNDEFINED || b->type == VALUE_UNDEFINED) {
        render_undefined_error(r, a->type == VALUE_UNDEFINED ? a : b);
        return -1;
    }
    if (value_is_number(a) && value_is_number(b))
        return holds(op, compare_numbers(a, b));
    if (a->type == VALUE_STR && b->type == VALUE_STR)
        return holds(op, compare_text(value_text(a), value_text(b)));
    if ((a->type == VALUE_LIST || a->type == VALUE_TUPLE) && a->type == b->type && depth < PYREPR_DEPTH) {
        uint32_t n = a->n < b->n ? a->n : b->n;
        for (uint32_t i = 0; i < n; i++) {
            int eq = equal(r, a->items[i], b->items[i], depth + 1);
            if (eq != 1)
                return eq < 0 ? -1 : less(r, op, a->items[i], b->items[i], depth + 1);
        }
        return holds(op, a->n < b->n ? -1 : a->n > b->n);
    }
    char single[2] = {(char)op, 0};
    render_fail(r, "'%s' not supported between instances of '%s' and '%s'",
                op == OP_LE ? "<=" : op == OP_GE ? ">=" : single, render_type(a),
                render_type(b));
    return -1;
}

int render_less(struct render *r, int op, const struct value *a, const struct value *b)
{
    return less(r, op, a, b, 0);
}

static int contains_range(const struct obj_range *g, const struct value *x)
{
    if (!value_is_number(x) || (x->type == VALUE_FLOAT && (floor(x->f) != x->f || fabs(x->f) > 1e18)))
        return 0;
    int64_t i = x->type == VALUE_FLOAT ? (int64_t)x->f : value_as_int(x), d;
    if (g->len == 0 || __builtin_sub_overflow(i, g->start, &d))
        return 0;
    return d % g->step == 0 && d / g->step >= 0 && (uint64_t)(d / g->step) < g->len;
}

int render_contains(struct render *r, const struct value *x, const struct value *in)
{
    if (in->type == VALUE_UNDEFINED && !in->plain) {
        render_undefined_error(r, in);
        return -1;
    }
    if (in->type == VALUE_STR) {
        if (x->type == VALUE_STR)
            return pytext_find_bytes(value_text(in), value_text(x), 0) != (size_t)-1;
        render_fail(r, "'in <string>' requires string as left operand, not %s", render_type(x));
        return -1;
    }
    if (in->type == OBJ_RANGE)
        return contains_range((const struct obj_range *)in, x);
    if (in->type == VALUE_DICT) {
        if (x->type == VALUE_LIST || x->type == VALUE_DICT) {
            render_fail(r, "unhashable type: '%s'", render_type(x));
            return -1;
        }
        if (x->type == VALUE_UNDEFINED && !x->plain) {
            render_undefined_error(r, x);
            return -1;
        }
        for (uint32_t i = 0; i < in->n; i++)
            if (value_equal(in->entries[i].key, x))
                return 1;
        return 0;
    }
    struct items it;
    if (!render_items(r, in, &it))
        return -1;
    for (uint32_t i = 0; i < it.n; i++) {
        int eq = x == it.v[i] ? 1 : equal(r, it.v[i], x, 1);
        if (eq != 0)
            return eq;
    }
    return 0;
}

/* -- "..." % args ---------------------------------------------------------------------------------- */

struct directive {
    bool minus, plus, space, zero, alternate;
    int width, precision;                  /* -1: not given */
    char type;
};
struct formatter {
    struct render *r;
    struct buf *b;
    const struct value *args;
    uint32_t next;
};

static const struct value *next_arg(struct formatter *f)
{
    const struct value *args = f->args;
    if (args->type == VALUE_TUPLE)
        return f->next < args->n ? args->items[f->next++]
                                 : render_fail(f->r, "not enough arguments for format string");
    return f->next++ == 0 ? args : render_fail(f->r, "not enough arguments for format string");
}

static void put_padded(struct formatter *f, const struct directive *d, struct pystr sign, struct pystr body)
{
    int64_t len = (int64_t)(pytext_len(body) + sign.n), gap = d->width > len ? d->width - len : 0;
    bool zero = d->zero && !d->minus;
    for (int64_t i = 0; i < gap && !d->minus && !zero; i++)
        buf_addc(f->b, ' ');
    buf_add(f->b, sign.s, sign.n);
    for (int64_t i = 0; i < gap && zero; i++)
        buf_addc(f->b, '0');
    buf_add(f->b, body.s, body.n);
    for (int64_t i = 0; i < gap && d->minus; i++)
        buf_addc(f->b, ' ');
}

static struct pystr sign_of(const struct directive *d, bool negative)
{
    return negative ? PYSTR("-") : d->plus ? PYSTR("+") : d->space ? PYSTR(" ") : PYSTR("");
}

static bool put_int(struct formatter *f, const struct directive *d, const struct value *v)
{
    char digits[300];
    if (!value_is_number(v) || (d->type != 'd' && v->type == VALUE_FLOAT)) {
        if (v->type == VALUE_UNDEFINED)
            return render_undefined_error(f->r, v) != NULL;
        return render_fail(f->r, "%%%c format: a number is required, not %s", d->type,
                           render_type(v)) != NULL;
    }
    if (v->type == VALUE_FLOAT && !(fabs(v->f) < 9.2e18))
        return render_fail(f->r, "cannot convert float %g to integer", v->f) != NULL;
    int64_t i = v->type == VALUE_FLOAT ? (int64_t)v->f : value_as_int(v);
    uint64_t u = i < 0 ? 0 - (uint64_t)i : (uint64_t)i;
    int precision = d->precision < 0 ? 1 : d->precision > 250 ? 250 : d->precision;
    const char *prefix = d->alternate ? d->type == 'x' ? "0x" : d->type == 'X' ? "0X"
                                        : d->type == 'o' ? "0o" : "" : "";
    int n = d->type == 'x'   ? snprintf(digits, sizeof digits, "%.*" PRIx64, precision, u)
            : d->type == 'X' ? snprintf(digits, sizeof digits, "%.*" PRIX64, precision, u)
            : d->type == 'o' ? snprintf(digits, sizeof digits, "%.*" PRIo64, precision, u)
                             : snprintf(digits, sizeof digits, "%.*" PRIu64, precision, u);
    char sign[8];
    struct pystr s = sign_of(d, i < 0);
    int k = snprintf(sign, sizeof sign, "%.*s%s", (int)s.n, s.s, prefix);
    put_padded(f, d, pystr(sign, (size_t)k), pystr(digits, (size_t)n));
    return true;
}

static bool put_float(struct formatter *f, const struct directive *d, const struct value *v)
{
    char text[700], spec[16];
    double x;
    if (v->type == VALUE_UNDEFINED)
        return render_undefined_error(f->r, v) != NULL;
    if (!value_is_number(v))
        return render_fail(f->r, "must be real number, not %s", render_type(v)) != NULL;
    x = value_as_float(v);
    int precision = d->precision < 0 ? 6 : d->precision > 300 ? 300 : d->precision;
    snprintf(spec, sizeof spec, "%%%s.*%c", d->alternate ? "#" : "", d->type);
    bool negative = signbit(x) && !isnan(x);
    int n;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    n = snprintf(text, sizeof text, spec, precision, negative ? -x : x);
#pragma GCC diagnostic pop
    const char *body = isnan(x) ? "nan" : text;
    struct directive plain = *d;
    if (!isfinite(x))
        plain.zero = d->zero;
    put_padded(f, &plain, sign_of(d, negative), pystr(body, isnan(x) ? 3 : (size_t)n));
    return true;
}

static bool put_text(struct formatter *f, const struct directive *d, const struct value *v)
{
    struct buf b;
    bool ok = true;
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    if (d->type == 's') {
        struct pystr s = render_str(f->r, v);
        ok = s.s != NULL;
        if (ok)
            buf_add(&b, s.s, s.n);
    } else if (d->type == 'c') {
        ok = v->type == VALUE_STR && pytext_len(value_text(v)) == 1;
        if (ok)
            buf_add(&b, v->s, v->n);
        else
            render_fail(f->r, "%%c requires a single character");
    } else if (!pyrepr_value(&b, v)) {
        ok = render_fail(f->r, "value is nested too deeply or too long to print") != NULL;
    }
    if (ok) {
        struct pystr s = pystr(b.v, b.n);
        if (d->precision >= 0)
            s = pytext_part(s, 0, (size_t)d->precision);
        struct directive plain = *d;
        plain.zero = false;
        put_padded(f, &plain, PYSTR(""), s);
    }
    buf_release(&b);
    return ok;
}

static bool read_number(struct formatter *f, struct pystr s, size_t *i, int *out)
{
    if (*i < s.n && s.s[*i] == '*') {
        const struct value *v = next_arg(f);
        (*i)++;
        if (!v)
            return false;
        if (!value_is_integral(v) || value_as_int(v) > 100000 || value_as_int(v) < 0)
            return render_fail(f->r, "* wants an int") != NULL;
        *out = (int)value_as_int(v);
        return true;
    }
    int64_t n = -1;
    for (; *i < s.n && s.s[*i] >= '0' && s.s[*i] <= '9'; (*i)++) {
        n = (n < 0 ? 0 : n) * 10 + (s.s[*i] - '0');
        if (n > 100000)
            return render_fail(f->r, "format width is too large") != NULL;
    }
    *out = (int)n;
    return true;
}

/* Reads the directive behind '%' at *i; "%(name)s" takes its value from the dict. */
static bool read_directive(struct formatter *f, struct pystr s, size_t *i, struct directive *d,
                           const struct value **named)
{
    *d = (struct directive){.width = -1, .precision = -1};
    *named = NULL;
    if (*i < s.n && s.s[*i] == '(') {
        size_t close = pytext_find_bytes(s, PYSTR(")"), *i);
        if (f->args->type != VALUE_DICT || close == (size_t)-1)
            return render_fail(f->r, "format requires a mapping") != NULL;
        *named = value_getn(f->args, s.s + *i + 1, close - *i - 1);
        if (!*named)
            return render_fail(f->r, "format key is missing") != NULL;
        *i = close + 1;
    }
    for (; *i < s.n && s.s[*i] && strchr("-+ 0#", s.s[*i]); (*i)++) {
        d->minus |= s.s[*i] == '-';
        d->plus |= s.s[*i] == '+';
        d->space |= s.s[*i] == ' ';
        d->zero |= s.s[*i] == '0';
        d->alternate |= s.s[*i] == '#';
    }
    if (!read_number(f, s, i, &d->width))
        return false;
    if (*i < s.n && s.s[*i] == '.') {
        (*i)++;
        if (!read_number(f, s, i, &d->precision))
            return false;
        if (d->precision < 0)
            d->precision = 0;
    }
    if (*i >= s.n)
        return render_fail(f->r, "incomplete format") != NULL;
    d->type = s.s[(*i)++];
    return true;
}

static bool put_directive(struct formatter *f, const struct directive *d, const struct value *v)
{
    switch (d->type) {
    case 's': case 'r': case 'a': case 'c':
        return put_text(f, d, v);
    case 'd': case 'i': case 'u': case 'x': case 'X': case 'o': {
        struct directive n = *d;
        n.type = d->type == 'i' || d->type == 'u' ? 'd' : d->type;
        return put_int(f, &n, v);
    }
    case 'e': case 'E': case 'f': case 'F': case 'g': case 'G':
        return put_float(f, d, v);
    default:
        return render_fail(f->r, "unsupported format character '%c'",
                           d->type > 32 && d->type < 127 ? d->type : '?') != NULL;
    }
}

const struct value *render_format(struct render *r, struct pystr s, const struct value *args)
{
    struct buf b;
    struct formatter f = {.r = r, .b = &b, .args = args};
    buf_init(&b, TEMPLATE_MAX_OUTPUT);
    for (size_t i = 0; i < s.n && !r->failed && !b.failed;) {
        size_t at = pytext_find_bytes(s, PYSTR("%"), i);
        size_t end = at == (size_t)-1 ? s.n : at;
        struct directive d;
        const struct value *v;
        buf_add(&b, s.s + i, end - i);
        i = end + 1;
        if (end == s.n || !read_directive(&f, s, &i, &d, &v))
            break;
        if (d.type == '%')
            buf_addc(&b, '%');
        else if (v || (v = next_arg(&f)))
            put_directive(&f, &d, v);
    }
    bool all = args->type == VALUE_DICT || args->type == VALUE_LIST || args->type == VALUE_UNDEFINED ||
               f.next >= (args->type == VALUE_TUPLE ? args->n : 1);
    if (!r->failed && !all)
        render_fail(r, "not all arguments converted during string formatting");
    if (r->failed) {
        buf_release(&b);
        return NULL;
    }
    return render_take(r, &b);
}
