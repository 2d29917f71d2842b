/* pytext.h - Python's str over UTF-8: what strip, split, lower, find, slicing and repr mean there.
 *
 * A string is a sequence of code points; positions in this interface are code points unless called
 * bytes.  Text is expected to be valid UTF-8; an invalid byte counts as one code point that has no
 * properties.  Nothing here fails except by size: results grow a caller's buffer, which has a limit.
 * Tables: Unicode data as CPython 3.11 (Unicode 14). */
#ifndef PYTEXT_H
#define PYTEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct value;

struct pystr {                             /* borrowed bytes */
    const char *s;
    size_t n;
};
#define PYSTR(lit) ((struct pystr){(lit), sizeof(lit) - 1})

static inline struct pystr pystr(const char *s, size_t n)
{
    return (struct pystr){s, n};
}

/* -- properties of one code point ---------------------------------------------------------------- */
bool pytext_is_space(uint32_t cp);         /* str.isspace, re \s */
bool pytext_is_digit(uint32_t cp);         /* Numeric_Type Digit or Decimal */
int pytext_decimal(uint32_t cp);           /* value 0..9 of a decimal digit (Nd), else -1 */
bool pytext_is_printable(uint32_t cp);

/* -- whole strings ------------------------------------------------------------------------------- */
enum pytext_class {
    PYTEXT_SPACE, PYTEXT_DIGIT, PYTEXT_DECIMAL, PYTEXT_NUMERIC, PYTEXT_ALPHA, PYTEXT_ALNUM,
    PYTEXT_LOWER, PYTEXT_UPPER, PYTEXT_TITLE, PYTEXT_ASCII, PYTEXT_PRINTABLE, PYTEXT_IDENTIFIER
};
bool pytext_is(struct pystr, enum pytext_class);     /* s.isspace(), s.isdigit(), ... */

enum { PYTEXT_LEFT = 1, PYTEXT_RIGHT = 2, PYTEXT_BOTH = 3 };
struct pystr pytext_strip(struct pystr, int sides);
struct pystr pytext_strip_chars(struct pystr, int sides, struct pystr chars);
bool pytext_starts(struct pystr, struct pystr prefix);
bool pytext_ends(struct pystr, struct pystr suffix);

/* Byte offset of the first (last) occurrence at or after byte `from`; (size_t)-1 when there is none. */
size_t pytext_find_bytes(struct pystr hay, struct pystr needle, size_t from);
size_t pytext_rfind_bytes(struct pystr hay, struct pystr needle);
size_t pytext_count(struct pystr hay, struct pystr needle);       /* "" counts len + 1 */

size_t pytext_len(struct pystr);
size_t pytext_offset(struct pystr, size_t point);    /* byte offset of a code point; n past the end */
/* s[start:stop:step] with start, stop already resolved by pytext_slice_bounds. */
struct pystr pytext_part(struct pystr, size_t start, size_t stop);

struct pyslice {                           /* absent parts: has_x false */
    bool has_start, has_stop, has_step;
    int64_t start, stop, step;
};
/* slice.indices(len): fills start, stop, step and returns the number of items; step must not be 0. */
size_t pytext_slice_bounds(const struct pyslice *, size_t len, int64_t out[3]);
void pytext_slice(struct buf *, struct pystr, const struct pyslice *);

/* -- new strings, appended to a buffer ----------------------------------------------------------- */
enum pytext_case { PYTEXT_TO_LOWER, PYTEXT_TO_UPPER, PYTEXT_TO_TITLE, PYTEXT_TO_CAPITALIZED,
                   PYTEXT_TO_SWAPPED, PYTEXT_TO_FOLDED };
void pytext_convert(struct buf *, struct pystr, enum pytext_case);
void pytext_replace(struct buf *, struct pystr, struct pystr from, struct pystr to, int64_t count);
enum pytext_align { PYTEXT_LJUST, PYTEXT_RJUST, PYTEXT_CENTER, PYTEXT_ZFILL };
void pytext_pad(struct buf *, struct pystr, enum pytext_align, int64_t width, struct pystr fill);

/* -- pieces: arrays in an arena ------------------------------------------------------------------ */
/* split()/rsplit(): sep.s NULL is None (runs of whitespace).  max < 0: no limit.  sep must not be "". */
struct pystr *pytext_split(struct arena *, struct pystr, struct pystr sep, int64_t max, size_t *n);
struct pystr *pytext_rsplit(struct arena *, struct pystr, struct pystr sep, int64_t max, size_t *n);
struct pystr *pytext_splitlines(struct arena *, struct pystr, bool keep_ends, size_t *n);

/* -- numbers from text --------------------------------------------------------------------------- */
/* int(text, base) and float(text): surrounding whitespace, signs, '_' between digits, any Unicode
 * decimal digit, inf/nan.  False when Python would raise or the value does not fit 64 bits. */
bool pytext_to_int(struct pystr, int base, int64_t *out);
bool pytext_to_float(struct pystr, double *out);

/* -- str() and repr() of values (pyrepr.c) ------------------------------------------------------- */
/* Values only a running template holds, beside enum value_type; they never leave it.  Those that
 * hold items look like a LIST (items, n); the others carry their repr in s, n. */
enum pyobject {
    PYOBJ_ITER = 32,                       /* items: what a generator will yield */
    PYOBJ_KEYS, PYOBJ_VALUES, PYOBJ_ITEMS, /* items: views of a dict */
    PYOBJ_OPAQUE                           /* this and beyond: s, n */
};
void pyrepr_str(struct buf *, struct pystr);              /* repr of a string */
/* str(v) and repr(v) as Python prints them.  False when nesting passes PYREPR_DEPTH or the buffer's
 * limit is hit; what was written so far stays. */
enum { PYREPR_DEPTH = 200 };
bool pyrepr_value(struct buf *, const struct value *);
bool pystr_value(struct buf *, const struct value *);
/* str(v) as text: a STR's own bytes, else printed into the arena.  .s NULL when too deep or long. */
struct pystr pystr_of(struct arena *, const struct value *);
#endif
