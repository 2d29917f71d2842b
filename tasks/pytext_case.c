/* pytext_case.c - code point properties and case conversion as CPython's str has them.
 *
 * utf8proc gives categories and simple mappings; pytext_data.h the rest.  Full mappings may grow a
 * string threefold.  Pure ASCII takes a short way. */
#include <string.h>
#include <utf8proc.h>
#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "tasks/pytext.h"
#include "tasks/pytext_data.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static bool in_ranges(const struct pyrange *r, size_t n, uint32_t cp)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cp > r[mid].last)
            lo = mid + 1;
        else if (cp < r[mid].first)
            hi = mid;
        else
            return true;
    }
    return false;
}

static const struct pymapping *mapping_find(const struct pymapping *m, size_t n, uint32_t cp)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (cp > m[mid].cp)
            lo = mid + 1;
        else if (cp < m[mid].cp)
            hi = mid;
        else
            return &m[mid];
    }
    return NULL;
}

static utf8proc_category_t category(uint32_t cp)
{
    return utf8proc_category((utf8proc_int32_t)cp);
}

/* Decodes one code point; an invalid byte is one code point beyond Unicode. */
static uint32_t next_point(struct pystr s, size_t *i)
{
    uint32_t cp;
    unsigned char c = (unsigned char)s.s[*i];
    if (c < 0x80) {
        (*i)++;
        return c;
    }
    int k = text_decode(s.s + *i, s.n - *i, &cp);
    if (k == 0) {
        (*i)++;
        return 0x110000;
    }
    *i += (size_t)k;
    return cp;
}

bool pytext_is_space(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= 9 && cp <= 13) || (cp >= 0x1C && cp <= 0x20);
    return cp == 0x85 || cp == 0xA0 || cp == 0x1680 || (cp >= 0x2000 && cp <= 0x200A) ||
           cp == 0x2028 || cp == 0x2029 || cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

bool pytext_is_digit(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= '0' && cp <= '9';
    return category(cp) == UTF8PROC_CATEGORY_ND || in_ranges(pydata_digit, LEN(pydata_digit), cp);
}

int pytext_decimal(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= '0' && cp <= '9' ? (int)(cp - '0') : -1;
    if (category(cp) != UTF8PROC_CATEGORY_ND)
        return -1;
    /* Unicode keeps decimal digits in runs of ten; the mathematical ones are five runs in a row. */
    if (cp >= 0x1D7CE && cp <= 0x1D7FF)
        return (int)((cp - 0x1D7CE) % 10);
    uint32_t first = cp;
    while (first > cp - 9 && category(first - 1) == UTF8PROC_CATEGORY_ND)
        first--;
    return (int)(cp - first);
}

bool pytext_is_printable(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 0x20 && cp < 0x7F;
    if (cp > 0x10FFFF)
        return false;
    switch (category(cp)) {
    case UTF8PROC_CATEGORY_CC: case UTF8PROC_CATEGORY_CF: case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO: case UTF8PROC_CATEGORY_CN: case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: case UTF8PROC_CATEGORY_ZS:
        return false;
    default:
        return true;
    }
}

static bool is_lower(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'a' && cp <= 'z';
    return category(cp) == UTF8PROC_CATEGORY_LL || in_ranges(pydata_lower, LEN(pydata_lower), cp);
}

static bool is_upper(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= 'A' && cp <= 'Z';
    return category(cp) == UTF8PROC_CATEGORY_LU || in_ranges(pydata_upper, LEN(pydata_upper), cp);
}

static bool is_cased(uint32_t cp)
{
    return is_lower(cp) || is_upper(cp) || (cp >= 0x80 && category(cp) == UTF8PROC_CATEGORY_LT);
}

static bool is_ignorable(uint32_t cp)
{
    if (cp >= 0x80 || cp == '^' || cp == '`') {
        switch (category(cp)) {
        case UTF8PROC_CATEGORY_MN: case UTF8PROC_CATEGORY_ME: case UTF8PROC_CATEGORY_CF:
        case UTF8PROC_CATEGORY_LM: case UTF8PROC_CATEGORY_SK:
            return true;
        default:
            break;
        }
    }
    return in_ranges(pydata_ignorable, LEN(pydata_ignorable), cp);
}

static bool is_alpha(uint32_t cp)
{
    if (cp < 0x80)
        return (cp >= 'a' && cp <= 'z') || (cp >= 'A' && cp <= 'Z');
    utf8proc_category_t c = category(cp);
    return c >= UTF8PROC_CATEGORY_LU && c <= UTF8PROC_CATEGORY_LO;
}

static bool is_numeric(uint32_t cp)
{
    if (cp < 0x80)
        return cp >= '0' && cp <= '9';
    utf8proc_category_t c = category(cp);
    return (c >= UTF8PROC_CATEGORY_ND && c <= UTF8PROC_CATEGORY_NO) ||
           in_ranges(pydata_numeric, LEN(pydata_numeric), cp);
}

static bool is_word_start(uint32_t cp)
{
    return is_alpha(cp) || cp == '_' || (cp >= 0x80 && category(cp) == UTF8PROC_CATEGORY_NL);
}

static bool is_word_part(uint32_t cp)
{
    if (is_word_start(cp) || pytext_decimal(cp) >= 0)
        return true;
    if (cp < 0x80)
        return false;
    utf8proc_category_t c = category(cp);
    return c == UTF8PROC_CATEGORY_MN || c == UTF8PROC_CATEGORY_MC || c == UTF8PROC_CATEGORY_PC;
}

static bool point_is(uint32_t cp, enum pytext_class k)
{
    switch (k) {
    case PYTEXT_SPACE:
        return pytext_is_space(cp);
    case PYTEXT_DIGIT:
        return pytext_is_digit(cp);
    case PYTEXT_DECIMAL:
        return pytext_decimal(cp) >= 0;
    case PYTEXT_NUMERIC:
        return is_numeric(cp);
    case PYTEXT_ALPHA:
        return is_alpha(cp);
    case PYTEXT_ALNUM:
        return is_alpha(cp) || pytext_is_digit(cp) || is_numeric(cp);
    case PYTEXT_ASCII:
        return cp < 0x80;
    case PYTEXT_PRINTABLE:
        return pytext_is_printable(cp);
    default:
        return is_word_part(cp);
    }
}

/* islower and isupper want one cased character and none of the other case. */
static bool all_cased(struct pystr s, bool lower)
{
    bool any = false;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = next_point(s, &i);
        bool lo = is_lower(cp), up = is_upper(cp);
        bool title = cp >= 0x80 && category(cp) == UTF8PROC_CATEGORY_LT;
        if (title || (lower ? up : lo))
            return false;
        any |= lower ? lo : up;
    }
    return any;
}

static bool is_title(struct pystr s)
{
    bool any = false, after = false;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp = next_point(s, &i);
        bool title = is_upper(cp) || (cp >= 0x80 && category(cp) == UTF8PROC_CATEGORY_LT);
        bool lower = is_lower(cp);
        if ((title && after) || (lower && !after))
            return false;
        after = title || lower;
        any |= after;
    }
    return any;
}

bool pytext_is(struct pystr s, enum pytext_class k)
{
    if (k == PYTEXT_LOWER || k == PYTEXT_UPPER)
        return all_cased(s, k == PYTEXT_LOWER);
    if (k == PYTEXT_TITLE)
        return is_title(s);
    if (s.n == 0)
        return k == PYTEXT_ASCII || k == PYTEXT_PRINTABLE;
    size_t i = 0;
    if (k == PYTEXT_IDENTIFIER && !is_word_start(next_point(s, &i)))
        return false;
    while (i < s.n)
        if (!point_is(next_point(s, &i), k))
            return false;
    return true;
}

/* -- conversion ------------------------------------------------------------------------------------ */

static void add_point(struct buf *b, uint32_t cp)
{
    char t[4];
    buf_add(b, t, (size_t)text_encode(cp, t));
}

static void add_mapping(struct buf *b, const struct pymapping *m)
{
    for (int i = 0; i < 3 && m->to[i]; i++)
        add_point(b, m->to[i]);
}

static void add_upper(struct buf *b, uint32_t cp)
{
    const struct pymapping *m = mapping_find(pydata_to_upper, LEN(pydata_to_upper), cp);
    if (m)
        add_mapping(b, m);
    else
        add_point(b, (uint32_t)utf8proc_toupper((utf8proc_int32_t)cp));
}

static void add_title(struct buf *b, uint32_t cp)
{
    const struct pymapping *m = mapping_find(pydata_to_title, LEN(pydata_to_title), cp);
    if (m)
        add_mapping(b, m);
    else
        add_point(b, (uint32_t)utf8proc_totitle((utf8proc_int32_t)cp));
}

static void add_folded(struct buf *b, uint32_t cp)
{
    utf8proc_int32_t to[8];
    int last = 0;
    utf8proc_ssize_t n = utf8proc_decompose_char((utf8proc_int32_t)cp, to, 8, UTF8PROC_CASEFOLD, &last);
    for (utf8proc_ssize_t i = 0; i < n && i < 8; i++)
        add_point(b, (uint32_t)to[i]);
}

/* Start of the code point that ends at byte i (i > 0). */
static size_t previous(struct pystr s, size_t i)
{
    uint32_t cp;
    for (size_t k = 1; k <= 4 && k <= i; k++)
        if (((unsigned char)s.s[i - k] & 0xC0) != 0x80)
            return text_decode(s.s + i - k, k, &cp) == (int)k || k == 1 ? i - k : i - 1;
    return i - 1;
}

/* The sigma at [at, after): final when a cased letter stands before it and none after, skipping
 * case-ignorable characters (Unicode 3.13, Final_Sigma). */
static bool is_final_sigma(struct pystr s, size_t at, size_t after)
{
    bool before = false;
    while (at > 0) {
        size_t p = previous(s, at), q = p;
        uint32_t cp = next_point(s, &q);
        if (!is_ignorable(cp)) {
            before = is_cased(cp);
            break;
        }
        at = p;
    }
    if (!before)
        return false;
    while (after < s.n) {
        uint32_t cp = next_point(s, &after);
        if (!is_ignorable(cp))
            return !is_cased(cp);
    }
    return true;
}

static void add_lower(struct buf *b, struct pystr s, size_t at, size_t after, uint32_t cp)
{
    if (cp == 0x3A3) {
        add_point(b, is_final_sigma(s, at, after) ? 0x3C2 : 0x3C3);
    } else if (cp == 0x130) {
        add_point(b, 'i');
        add_point(b, 0x307);
    } else {
        add_point(b, (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp));
    }
}

static bool is_ascii(struct pystr s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.s[i] >= 0x80)
            return false;
    return true;
}

static char ascii_convert(char c, enum pytext_case k, bool first)
{
    bool lower = c >= 'a' && c <= 'z', upper = c >= 'A' && c <= 'Z';
    bool want_upper = k == PYTEXT_TO_UPPER || first || (k == PYTEXT_TO_SWAPPED && lower);
    if (lower && want_upper)
        return (char)(c - 32);
    if (upper && !want_upper)
        return (char)(c + 32);
    return c;
}

static void convert_ascii(struct buf *b, struct pystr s, enum pytext_case k)
{
    char chunk[256];
    size_t n = 0;
    bool word = false;
    for (size_t i = 0; i < s.n; i++) {
        bool first = (k == PYTEXT_TO_TITLE && !word) || (k == PYTEXT_TO_CAPITALIZED && i == 0);
        char c = s.s[i];
        chunk[n++] = ascii_convert(c, k, first);
        word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (n == sizeof chunk) {
            buf_add(b, chunk, n);
            n = 0;
        }
    }
    buf_add(b, chunk, n);
}

void pytext_convert(struct buf *b, struct pystr s, enum pytext_case k)
{
    if (is_ascii(s)) {
        convert_ascii(b, s, k);
        return;
    }
    bool word = false;
    for (size_t i = 0; i < s.n && !b->failed;) {
        size_t at = i;
        uint32_t cp = next_point(s, &i);
        if (cp > 0x10FFFF) {
            buf_add(b, s.s + at, 1);
            word = false;
            continue;
        }
        bool first = (k == PYTEXT_TO_TITLE && !word) || (k == PYTEXT_TO_CAPITALIZED && at == 0);
        if (first)
            add_title(b, cp);
        else if (k == PYTEXT_TO_UPPER || (k == PYTEXT_TO_SWAPPED && is_lower(cp)))
            add_upper(b, cp);
        else if (k == PYTEXT_TO_SWAPPED && !is_upper(cp))
            add_point(b, cp);
        else if (k == PYTEXT_TO_FOLDED)
            add_folded(b, cp);
        else
            add_lower(b, s, at, i, cp);
        word = is_cased(cp);
    }
}
