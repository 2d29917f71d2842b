/* value.h - the typed value: what JSON rows, YAML files and templates are made of.
 *
 * The types are Python's, because task files are written for Python: ints are 64-bit, floats are
 * doubles, strings are UTF-8 with a length (may hold NUL; always NUL-terminated behind), dicts keep
 * insertion order and may have any scalar as key.  Values are immutable once built and live in the
 * arena they were made in; sharing is free, nothing is reference counted. */
#ifndef VALUE_H
#define VALUE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;

enum value_type {
    VALUE_NULL, VALUE_BOOL, VALUE_INT, VALUE_FLOAT, VALUE_STR, VALUE_LIST, VALUE_DICT,
    VALUE_TUPLE,          /* as LIST, printed with parentheses */
    VALUE_FUNC,           /* YAML `!function mod.name`: s holds "mod.name" */
    VALUE_UNDEFINED       /* template only: a missing name; s holds the name */
};
struct value_entry {
    const struct value *key, *value;
};
struct value {
    uint8_t type;         /* enum value_type */
    uint8_t plain : 1,    /* YAML: scalar was written without quotes */
            markup : 1;   /* templates: text that |safe or |escape made */
    uint16_t file;        /* index into the loader's table of files, 0: none */
    uint32_t line, col;   /* 1-based position in that text, 0: none */
    uint32_t n;           /* STR, FUNC, UNDEFINED: bytes; LIST, TUPLE: items; DICT: entries */
    union {
        bool b;
        int64_t i;
        double f;
        const char *s;
        const struct value *const *items;
        const struct value_entry *entries;
    };
};

extern const struct value value_null, value_true, value_false;

const struct value *value_bool(bool b);
struct value *value_int(struct arena *, int64_t i);
struct value *value_float(struct arena *, double f);
struct value *value_str(struct arena *, const char *s);              /* copies */
struct value *value_strn(struct arena *, const char *s, size_t n);   /* copies; n < 4 GiB */
struct value *value_str_ref(struct arena *, const char *s, size_t n);/* borrows; s[n] must be 0 */
struct value *value_list(struct arena *, const struct value *const *items, size_t n); /* copies the array */
struct value *value_dict(struct arena *, const struct value_entry *entries, size_t n); /* copies the
                                          array; a repeated key keeps its first place, last value */

/* A copy that borrows nothing: texts, items and entries live in the arena too. */
const struct value *value_copy(struct arena *, const struct value *);

/* Dict look-up by string key; NULL if absent or `v` is not a dict (or NULL). */
const struct value *value_get(const struct value *v, const char *key);
const struct value *value_getn(const struct value *v, const char *key, size_t n);
/* A copy of dict `v` with `key` set (appended or replaced in place). */
struct value *value_with(struct arena *, const struct value *v, const char *key, const struct value *x);

bool value_equal(const struct value *, const struct value *);  /* Python ==: 1 == 1.0 == True */
bool value_is_str(const struct value *, const char *s);        /* a STR equal to s */
const char *value_type_name(const struct value *);             /* "str", "int", "NoneType", ... */
#endif
