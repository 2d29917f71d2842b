/* literal.h - Python's ast.literal_eval over the types a task file can hold.
 *
 * Accepts str (prefixes, escapes, triple quotes, adjacent concatenation), int, float, signs, list,
 * tuple, dict, set (read as a tuple without repeats), True, False, None.  Refuses names, calls,
 * f-strings, bytes, complex numbers and integers beyond 64 bits.  Nesting is bounded. */
#ifndef LITERAL_H
#define LITERAL_H
#include <stddef.h>

struct arena;
struct assay_err;
struct value;

/* Errors: ASSAY_EFORMAT, the text says where and what ("1:7: ...", position inside the literal). */
int literal_eval(const char *text, size_t n, struct arena *, const struct value **out,
                 struct assay_err *);
/* Decodes one Python string body (no quotes) with its escapes, as Jinja does for its literals:
 * unknown escapes keep the backslash.  Returns 0 or ASSAY_EFORMAT for a broken \x, \u, \U. */
struct buf;
int literal_unescape(struct buf *, const char *s, size_t n, struct assay_err *);
#endif
