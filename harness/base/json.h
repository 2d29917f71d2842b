/* json.h - JSON text <-> struct value.
 *
 * Strict RFC 8259 plus NaN, Infinity, -Infinity (Python writes them).  Duplicate keys: last wins.
 * Depth is limited to 64.  Integers beyond 64 bits become floats.  A dict or list at the top
 * carries its line. */
#ifndef JSON_H
#define JSON_H
#include "harness/base/value.h"

struct assay_err;

/* Parses exactly one JSON text of n bytes.  `where` names the source in errors; `line` is the line
 * its first byte stands on (JSON lines: the row's number; else 1).
 * Errors: ASSAY_EFORMAT "where:line:col: ...". */
int json_parse(const char *text, size_t n, const char *where, uint32_t line, struct arena *,
               const struct value **out, struct assay_err *);

enum { JSON_COMPACT = 0,   /* {"a":1} */
       JSON_PYTHON = 1,    /* json.dumps default separators: {"a": 1} */
       JSON_INDENT = 2,    /* json.dumps(indent=2) */
       JSON_SORTED = 4,    /* keys sorted: the canonical form that is hashed */
       JSON_ASCII = 8 };   /* \u escapes beyond ASCII */
/* Floats are written as Python's repr does (shortest that round-trips). */
void json_write(struct buf *, const struct value *, int flags);
void json_write_str(struct buf *, const char *s, size_t n);    /* quoted; invalid UTF-8 -> U+FFFD */
/* Python's repr(float): "0.1", "1e+16", "5.0", "nan", "inf". */
void json_write_float(struct buf *, double);
#endif
