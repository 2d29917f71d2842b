/* yaml_scalar.c - the implicit resolver of PyYAML's SafeLoader (YAML 1.1), written out.
 *
 *   int    [-+]? ( 0b[01_]+ | 0[0-7_]+ | 0 | [1-9][0-9_]* | 0x[0-9a-fA-F_]+
 *                | [1-9][0-9_]*(:[0-5]?[0-9])+ )
 *   float  [-+]? [0-9][0-9_]* . [0-9_]* ([eE][-+][0-9]+)?     | . [0-9][0-9_]* ([eE][-+][0-9]+)?
 *        | [-+]? [0-9][0-9_]* (:[0-5]?[0-9])+ . [0-9_]*       | [-+]? .inf | .nan
 *
 * Timestamps are left as text: no task file holds one, and a date is text to a template anyway. */
#include "harness/base/yaml_scalar.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "harness/base/err.h"

#define TAG(name) "tag:yaml.org,2002:" name
enum { SCALAR_NUMBER = 400 }; /* a longer text is no number */

static bool scalar_in(const char *s, const char *const *words)
{
    for (; *words; words++)
        if (strcmp(s, *words) == 0)
            return true;
    return false;
}

static bool scalar_null(const char *s)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};
    return scalar_in(s, words);
}

/* 1, 0, or -1: no boolean. */
static int scalar_bool(const char *s)
{
    static const char *const yes[] = {"yes",  "Yes", "YES", "true", "True",
                                      "TRUE", "on",  "On",  "ON",   NULL};
    static const char *const no[] = {"no",    "No",  "NO",  "false", "False",
                                     "FALSE", "off", "Off", "OFF",   NULL};
    return scalar_in(s, yes) ? 1 : scalar_in(s, no) ? 0 : -1;
}

/* Steps over characters of `set`. */
static const char *scalar_span(const char *s, const char *set)
{
    return s + strspn(s, set);
}

#define DIGITS  "0123456789"
#define DIGITS_ DIGITS "_"

/* (:[0-5]?[0-9])+ ; NULL when there is none. */
static const char *scalar_sixties(const char *s)
{
    if (*s != ':')
        return NULL;
    while (*s == ':') {
        s++;
        if (s[0] >= '0' && s[0] <= '5' && isdigit((unsigned char)s[1]))
            s += 2;
        else if (isdigit((unsigned char)s[0]))
            s++;
        else
            return NULL;
    }
    return s;
}

static bool scalar_is_int(const char *s)
{
    if (*s == '-' || *s == '+')
        s++;
    if (s[0] == '0' && s[1] == 'b')
        return s[2] && !*scalar_span(s + 2, "01_");
    if (s[0] == '0' && s[1] == 'x')
        return s[2] && !*scalar_span(s + 2, "0123456789abcdefABCDEF_");
    if (s[0] == '0')
        return !*scalar_span(s + 1, "01234567_");
    if (!isdigit((unsigned char)*s))
        return false;
    s = scalar_span(s, DIGITS_);
    if (!*s)
        return true;
    s = scalar_sixties(s);
    return s && !*s;
}

/* An optional [eE][-+][0-9]+ and the end. */
static bool scalar_is_exponent(const char *s)
{
    if (!*s)
        return true;
    if ((*s | 32) != 'e' || (s[1] != '-' && s[1] != '+') || !isdigit((unsigned char)s[2]))
        return false;
    return !*scalar_span(s + 2, DIGITS);
}

static bool scalar_is_float(const char *s)
{
    static const char *const infs[] = {".inf", ".Inf", ".INF", NULL};
    static const char *const nans[] = {".nan", ".NaN", ".NAN", NULL};
    if (*s == '.' && isdigit((unsigned char)s[1]))
        return scalar_is_exponent(scalar_span(s + 1, DIGITS_));
    if (scalar_in(s, nans))
        return true;
    if (*s == '-' || *s == '+')
        s++;
    if (scalar_in(s, infs))
        return true;
    if (!isdigit((unsigned char)*s))
        return false;
    s = scalar_span(s, DIGITS_);
    if (*s == '.')
        return scalar_is_exponent(scalar_span(s + 1, DIGITS_));
    s = scalar_sixties(s);
    return s && *s == '.' && !*scalar_span(s + 1, DIGITS_);
}

/* Without underscores; false when too long. */
static bool scalar_clean(const char *s, char out[SCALAR_NUMBER])
{
    size_t n = 0;
    for (; *s; s++) {
        if (*s == '_')
            continue;
        if (n == SCALAR_NUMBER - 1)
            return false;
        out[n++] = *s;
    }
    out[n] = 0;
    return true;
}

/* a:b:c in base 60. */
static double scalar_base60(const char *s)
{
    double x = 0;
    for (; s; s = strchr(s, ':') ? strchr(s, ':') + 1 : NULL)
        x = 60 * x + strtod(s, NULL);
    return x;
}

static int scalar_to_int(struct value *v, struct assay_err *e)
{
    char t[SCALAR_NUMBER];
    const char *text = v->s;
    bool ok = scalar_clean(text, t);
    const char *p = t + (t[0] == '-' || t[0] == '+');
    bool minus = t[0] == '-';
    int base = 10;
    if (p[0] == '0' && p[1]) {
        base = p[1] == 'b' ? 2 : p[1] == 'x' ? 16 : 8;
        p += base == 8 ? 1 : 2;
    }
    errno = 0;
    unsigned long long x = 0;
    if (ok && strchr(p, ':')) {
        double sixty = scalar_base60(p);
        ok = sixty < 0x1p62;
        x = ok ? (unsigned long long)sixty : 0;
    } else if (ok) {
        ok = isxdigit((unsigned char)*p);
        x = ok ? strtoull(p, NULL, base) : 0;
    }
    uint64_t most = minus ? UINT64_C(1) << 63 : INT64_MAX;
    if (!ok || errno || x > most)
        return err_set(e, ASSAY_EFORMAT, "the whole number '%.60s' does not fit 64 bits%s", text,
                       ok ? "" : " or has no digits");
    v->type = VALUE_INT;
    v->n = 0;
    v->i = minus ? (int64_t)(0 - (uint64_t)x) : (int64_t)x;
    return 0;
}

static int scalar_to_float(struct value *v, struct assay_err *e)
{
    char t[SCALAR_NUMBER];
    if (!scalar_clean(v->s, t))
        return err_set(e, ASSAY_EFORMAT, "the number '%.60s...' is too long", v->s);
    const char *p = t + (t[0] == '-' || t[0] == '+');
    double x;
    if (strcasecmp(p, ".inf") == 0)
        x = (double)INFINITY;
    else if (strcasecmp(p, ".nan") == 0)
        x = (double)NAN;
    else
        x = strchr(p, ':') ? scalar_base60(p) : strtod(p, NULL);
    v->type = VALUE_FLOAT;
    v->n = 0;
    v->f = t[0] == '-' ? -x : x;
    return 0;
}

static void scalar_set_bool(struct value *v, int b)
{
    v->type = VALUE_BOOL;
    v->n = 0;
    v->b = b;
}

/* float() of Python on what `!!float` may be put before: digits, point, exponent. */
static bool scalar_floatable(const char *s)
{
    if (scalar_is_float(s) || scalar_is_int(s))
        return true;
    const char *p = s + (*s == '-' || *s == '+');
    const char *q = scalar_span(p, DIGITS_ ".");
    char *end;
    if (q == p || (*q | 32) != 'e')
        return false;
    strtod(s, &end);
    return *end == 0;
}

static int scalar_tagged(struct value *v, const char *tag, struct assay_err *e)
{
    char lower[8] = "";
    for (size_t i = 0; i < v->n && i < 7; i++)
        lower[i] = (char)tolower((unsigned char)v->s[i]);
    int b = v->n < 7 ? scalar_bool(lower) : -1;
    if (strcmp(tag, "!function") == 0)
        v->type = VALUE_FUNC;
    else if (strcmp(tag, TAG("null")) == 0)
        *v = (struct value){.type = VALUE_NULL, .line = v->line, .col = v->col};
    else if (strcmp(tag, TAG("int")) == 0 && scalar_is_int(v->s))
        return scalar_to_int(v, e);
    else if (strcmp(tag, TAG("float")) == 0 && scalar_floatable(v->s))
        return scalar_to_float(v, e);
    else if (strcmp(tag, TAG("bool")) == 0 && b >= 0)
        scalar_set_bool(v, b);
    else if (strcmp(tag, TAG("int")) == 0 || strcmp(tag, TAG("float")) == 0 ||
             strcmp(tag, TAG("bool")) == 0)
        return err_set(e, ASSAY_EFORMAT, "'%.60s' is no %s", v->s, strrchr(tag, ':') + 1);
    else if (strcmp(tag, TAG("str")) != 0 && strcmp(tag, "!") != 0)
        return err_set(e, ASSAY_EFORMAT, "unknown tag '%.100s'", tag);
    return 0;
}

int yaml_scalar_resolve(struct value *v, const char *tag, struct assay_err *e)
{
    if (tag)
        return scalar_tagged(v, tag, e);
    if (strlen(v->s) != v->n) /* holds a NUL: text */
        return 0;
    int b = scalar_bool(v->s);
    if (scalar_null(v->s))
        *v = (struct value){.type = VALUE_NULL, .plain = 1, .line = v->line, .col = v->col};
    else if (b >= 0)
        scalar_set_bool(v, b);
    else if (scalar_is_int(v->s))
        return scalar_to_int(v, e);
    else if (scalar_is_float(v->s))
        return scalar_to_float(v, e);
    return 0;
}
