/* pytext.c - Python's str methods that cut, search and join, and text to number.
 *
 * Everything works on bytes and counts code points only where a position shows; ASCII text, the
 * usual case, is recognised by byte count == code point count. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "tasks/pytext.h"

static const size_t NONE = (size_t)-1;

/* Code point at byte i; its length goes to *k.  An invalid byte is one code point. */
static uint32_t point_at(struct pystr s, size_t i, size_t *k)
{
    uint32_t cp = (unsigned char)s.s[i];
    *k = 1;
    if (cp < 0x80)
        return cp;
    int len = text_decode(s.s + i, s.n - i, &cp);
    if (len == 0)
        return 0x110000;
    *k = (size_t)len;
    return cp;
}

/* Code point that ends before byte i (i > 0); its length goes to *k. */
static uint32_t point_before(struct pystr s, size_t i, size_t *k)
{
    uint32_t cp = (unsigned char)s.s[i - 1];
    *k = 1;
    if (cp < 0x80)
        return cp;
    for (size_t len = 2; len <= 4 && len <= i; len++)
        if (text_decode(s.s + i - len, len, &cp) == (int)len) {
            *k = len;
            return cp;
        }
    return 0x110000;
}

size_t pytext_len(struct pystr s)
{
    return text_points(s.s, s.n);
}

size_t pytext_offset(struct pystr s, size_t point)
{
    size_t i = 0, k;
    for (; point > 0 && i < s.n; point--) {
        point_at(s, i, &k);
        i += k;
    }
    return i;
}

struct pystr pytext_part(struct pystr s, size_t start, size_t stop)
{
    if (stop <= start)
        return pystr("", 0);
    size_t a = pytext_offset(s, start);
    struct pystr tail = {s.s + a, s.n - a};
    return pystr(tail.s, pytext_offset(tail, stop - start));
}

/* -- strip ----------------------------------------------------------------------------------------- */

static bool has_point(struct pystr set, uint32_t cp)
{
    size_t k;
    for (size_t i = 0; i < set.n; i += k)
        if (point_at(set, i, &k) == cp)
            return true;
    return false;
}

static bool strips(const struct pystr *chars, uint32_t cp)
{
    return chars ? has_point(*chars, cp) : pytext_is_space(cp);
}

static struct pystr strip(struct pystr s, int sides, const struct pystr *chars)
{
    size_t k, a = 0, z = s.n;
    if (sides & PYTEXT_LEFT)
        while (a < z && strips(chars, point_at(s, a, &k)))
            a += k;
    if (sides & PYTEXT_RIGHT)
        while (z > a && strips(chars, point_before(s, z, &k)))
            z -= k;
    return pystr(s.s + a, z - a);
}

struct pystr pytext_strip(struct pystr s, int sides)
{
    return strip(s, sides, NULL);
}

struct pystr pytext_strip_chars(struct pystr s, int sides, struct pystr chars)
{
    return strip(s, sides, &chars);
}

/* -- search ---------------------------------------------------------------------------------------- */

bool pytext_starts(struct pystr s, struct pystr prefix)
{
    return s.n >= prefix.n && memcmp(s.s, prefix.s, prefix.n) == 0;
}

bool pytext_ends(struct pystr s, struct pystr suffix)
{
    return s.n >= suffix.n && memcmp(s.s + s.n - suffix.n, suffix.s, suffix.n) == 0;
}

size_t pytext_find_bytes(struct pystr hay, struct pystr needle, size_t from)
{
    if (from > hay.n)
        return NONE;
    if (needle.n == 0)
        return from;
    const char *p = memmem(hay.s + from, hay.n - from, needle.s, needle.n);
    return p ? (size_t)(p - hay.s) : NONE;
}

size_t pytext_rfind_bytes(struct pystr hay, struct pystr needle)
{
    if (needle.n > hay.n)
        return NONE;
    for (size_t i = hay.n - needle.n + 1; i-- > 0;)
        if (memcmp(hay.s + i, needle.s, needle.n) == 0)
            return i;
    return NONE;
}

size_t pytext_count(struct pystr hay, struct pystr needle)
{
    if (needle.n == 0)
        return pytext_len(hay) + 1;
    size_t n = 0;
    for (size_t i = 0; (i = pytext_find_bytes(hay, needle, i)) != NONE; i += needle.n)
        n++;
    return n;
}

/* -- slices ---------------------------------------------------------------------------------------- */

static int64_t clamp(int64_t i, int64_t len, int64_t lo, int64_t hi)
{
    if (i < 0)
        i += len;
    return i < lo ? lo : i > hi ? hi : i;
}

size_t pytext_slice_bounds(const struct pyslice *sl, size_t n, int64_t out[3])
{
    int64_t len = (int64_t)n, step = sl->has_step ? sl->step : 1;
    if (step < -INT64_MAX)
        step = -INT64_MAX;
    int64_t lo = step < 0 ? -1 : 0, hi = step < 0 ? len - 1 : len;
    int64_t start = step < 0 ? hi : lo, stop = step < 0 ? lo : hi;
    if (sl->has_start)
        start = clamp(sl->start, len, lo, hi);
    if (sl->has_stop)
        stop = clamp(sl->stop, len, lo, hi);
    out[0] = start;
    out[1] = stop;
    out[2] = step;
    if (step < 0)
        return stop < start ? (size_t)((start - stop - 1) / -step + 1) : 0;
    return start < stop ? (size_t)((stop - start - 1) / step + 1) : 0;
}

void pytext_slice(struct buf *b, struct pystr s, const struct pyslice *sl)
{
    int64_t r[3];
    size_t len = pytext_len(s), n = pytext_slice_bounds(sl, len, r);
    if (n == 0)
        return;
    if (r[2] == 1 || len == s.n) {
        struct pystr part = pytext_part(s, (size_t)r[0], (size_t)r[1]);
        if (r[2] == 1)
            buf_add(b, part.s, part.n);
        else
            for (size_t i = 0; i < n; i++)
                buf_addc(b, s.s[r[0] + (int64_t)i * r[2]]);
        return;
    }
    int64_t at = r[0];
    size_t k, i = pytext_offset(s, (size_t)at);
    for (;;) {
        point_at(s, i, &k);
        buf_add(b, s.s + i, k);
        if (--n == 0)
            return;
        for (int64_t d = 0; d < r[2]; d++) {
            point_at(s, i, &k);
            i += k;
        }
        for (int64_t d = 0; d > r[2]; d--) {
            point_before(s, i, &k);
            i -= k;
        }
    }
}

/* -- replace and pad ------------------------------------------------------------------------------- */

/* "abc".replace("", "-") puts the text before every character and at the end. */
static void replace_between(struct buf *b, struct pystr s, struct pystr to, int64_t count)
{
    size_t k;
    for (size_t i = 0; i < s.n && !b->failed; i += k) {
        point_at(s, i, &k);
        if (count != 0) {
            buf_add(b, to.s, to.n);
            count--;
        }
        buf_add(b, s.s + i, k);
    }
    if (count != 0)
        buf_add(b, to.s, to.n);
}

void pytext_replace(struct buf *b, struct pystr s, struct pystr from, struct pystr to, int64_t count)
{
    if (from.n == 0) {
        replace_between(b, s, to, count);
        return;
    }
    size_t at = 0, hit;
    while (count != 0 && !b->failed && (hit = pytext_find_bytes(s, from, at)) != NONE) {
        buf_add(b, s.s + at, hit - at);
        buf_add(b, to.s, to.n);
        at = hit + from.n;
        count--;
    }
    buf_add(b, s.s + at, s.n - at);
}

static void repeat(struct buf *b, struct pystr s, int64_t n)
{
    for (; n > 0 && !b->failed; n--)
        buf_add(b, s.s, s.n);
}

void pytext_pad(struct buf *b, struct pystr s, enum pytext_align how, int64_t width, struct pystr fill)
{
    int64_t len = (int64_t)pytext_len(s), gap = width > len ? width - len : 0;
    /* CPython's centre leans left or right depending on the parity of gap and width. */
    int64_t left = how == PYTEXT_CENTER ? gap / 2 + (gap & width & 1) : how == PYTEXT_LJUST ? 0 : gap;
    if (how == PYTEXT_ZFILL && gap > 0 && s.n && (s.s[0] == '+' || s.s[0] == '-')) {
        buf_addc(b, s.s[0]);
        s = pystr(s.s + 1, s.n - 1);
    }
    repeat(b, how == PYTEXT_ZFILL ? PYSTR("0") : fill, left);
    buf_add(b, s.s, s.n);
    repeat(b, fill, gap - left);
}

/* -- split ----------------------------------------------------------------------------------------- */

struct pieces {
    struct arena *a;
    struct pystr *v;
    size_t n, cap;
};

static void pieces_add(struct pieces *p, const char *s, size_t n)
{
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 8;
        struct pystr *v = ARENA_ARRAY(p->a, struct pystr, cap);
        if (p->n)
            memcpy(v, p->v, p->n * sizeof *v);
        p->v = v;
        p->cap = cap;
    }
    p->v[p->n++] = pystr(s, n);
}

static void pieces_reverse(struct pieces *p)
{
    for (size_t i = 0; i < p->n / 2; i++) {
        struct pystr t = p->v[i];
        p->v[i] = p->v[p->n - 1 - i];
        p->v[p->n - 1 - i] = t;
    }
}

static void split_spaces(struct pieces *p, struct pystr s, int64_t max)
{
    size_t k, i = 0;
    for (;;) {
        while (i < s.n && pytext_is_space(point_at(s, i, &k)))
            i += k;
        if (i >= s.n)
            return;
        if (max-- == 0) {
            struct pystr rest = pytext_strip(pystr(s.s + i, s.n - i), PYTEXT_RIGHT);
            pieces_add(p, rest.s, rest.n);
            return;
        }
        size_t a = i;
        while (i < s.n && !pytext_is_space(point_at(s, i, &k)))
            i += k;
        pieces_add(p, s.s + a, i - a);
    }
}

static void rsplit_spaces(struct pieces *p, struct pystr s, int64_t max)
{
    size_t k, z = s.n;
    for (;;) {
        while (z > 0 && pytext_is_space(point_before(s, z, &k)))
            z -= k;
        if (z == 0)
            return;
        if (max-- == 0) {
            struct pystr rest = pytext_strip(pystr(s.s, z), PYTEXT_LEFT);
            pieces_add(p, rest.s, rest.n);
            return;
        }
        size_t end = z;
        while (z > 0 && !pytext_is_space(point_before(s, z, &k)))
            z -= k;
        pieces_add(p, s.s + z, end - z);
    }
}

struct pystr *pytext_split(struct arena *a, struct pystr s, struct pystr sep, int64_t max, size_t *n)
{
    struct pieces p = {.a = a};
    if (!sep.s) {
        split_spaces(&p, s, max);
    } else {
        size_t at = 0, hit;
        while (max != 0 && (hit = pytext_find_bytes(s, sep, at)) != NONE) {
            pieces_add(&p, s.s + at, hit - at);
            at = hit + sep.n;
            max--;
        }
        pieces_add(&p, s.s + at, s.n - at);
    }
    *n = p.n;
    return p.v;
}

struct pystr *pytext_rsplit(struct arena *a, struct pystr s, struct pystr sep, int64_t max, size_t *n)
{
    struct pieces p = {.a = a};
    if (!sep.s) {
        rsplit_spaces(&p, s, max);
    } else {
        size_t end = s.n, hit;
        while (max != 0 && (hit = pytext_rfind_bytes(pystr(s.s, end), sep)) != NONE) {
            pieces_add(&p, s.s + hit + sep.n, end - hit - sep.n);
            end = hit;
            max--;
        }
        pieces_add(&p, s.s, end);
    }
    pieces_reverse(&p);
    *n = p.n;
    return p.v;
}

static bool ends_line(uint32_t cp)
{
    return (cp >= 0x0A && cp <= 0x0D) || (cp >= 0x1C && cp <= 0x1E) || cp == 0x85 || cp == 0x2028 ||
           cp == 0x2029;
}

struct pystr *pytext_splitlines(struct arena *a, struct pystr s, bool keep_ends, size_t *n)
{
    struct pieces p = {.a = a};
    size_t k, start = 0;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = point_at(s, i, &k);
        if (!ends_line(cp)) {
            i += k;
            continue;
        }
        size_t after = i + k;
        if (cp == '\r' && after < s.n && s.s[after] == '\n')
            after++;
        pieces_add(&p, s.s + start, (keep_ends ? after : i) - start);
        start = i = after;
    }
    if (start < s.n)
        pieces_add(&p, s.s + start, s.n - start);
    *n = p.n;
    return p.v;
}

/* -- numbers --------------------------------------------------------------------------------------- */

/* Copies the text with decimal digits made ASCII; fails on other non-ASCII or when it is too long.
 * Underscores must stand between digits (of any base); they are dropped. */
static bool plain_number(struct pystr s, char *out, size_t cap)
{
    size_t k, n = 0;
    s = pytext_strip(s, PYTEXT_BOTH);
    for (size_t i = 0; i < s.n; i += k) {
        uint32_t cp = point_at(s, i, &k);
        int d = cp >= 0x80 ? pytext_decimal(cp) : -1;
        if (n + 1 >= cap || (cp >= 0x80 && d < 0) || cp == 0)
            return false;
        out[n++] = d >= 0 ? (char)('0' + d) : (char)cp;
    }
    out[n] = 0;
    return n > 0;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* The base a prefix 0x, 0o, 0b stands for, or 0. */
static int prefix_base(const char *p)
{
    if (p[0] != '0')
        return 0;
    switch (p[1] | 32) {
    case 'x':
        return 16;
    case 'o':
        return 8;
    case 'b':
        return 2;
    default:
        return 0;
    }
}

bool pytext_to_int(struct pystr s, int base, int64_t *out)
{
    char t[512];
    if (!plain_number(s, t, sizeof t))
        return false;
    const char *p = t;
    bool negative = *p == '-', digits = false;
    if (*p == '-' || *p == '+')
        p++;
    int prefix = prefix_base(p);
    if (prefix && (base == 0 || base == prefix)) {
        p += 2;
        base = prefix;
        if (*p == '_')
            p++;
    } else if (base == 0) {
        if (*p == '0' && strspn(p, "0_") != strlen(p))
            return false;
        base = 10;
    }
    uint64_t v = 0, limit = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; *p; p++) {
        if (*p == '_' && digits && p[1] != '_' && p[1])
            continue;
        int d = digit_value(*p);
        if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
            __builtin_add_overflow(v, (uint64_t)d, &v) || v > limit)
            return false;
        digits = true;
    }
    if (!digits)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

static bool is_word_number(const char *p)
{
    if (*p == '-' || *p == '+')
        p++;
    return strcasecmp(p, "inf") == 0 || strcasecmp(p, "infinity") == 0 || strcasecmp(p, "nan") == 0;
}

bool pytext_to_float(struct pystr s, double *out)
{
    char t[512], clean[512];
    size_t n = 0;
    if (!plain_number(s, t, sizeof t))
        return false;
    for (size_t i = 0; t[i]; i++) {
        if (t[i] != '_') {
            clean[n++] = t[i];
            continue;
        }
        if (i == 0 || digit_value(t[i - 1]) > 9 || digit_value(t[i + 1]) > 9)
            return false;
    }
    clean[n] = 0;
    if (!is_word_number(clean) && strspn(clean, "0123456789+-.eE") != n)
        return false;
    char *end;
    *out = strtod(clean, &end);
    return end == clean + n && n > 0;
}
