/* yaml.h - YAML 1.1 text -> struct value, over libyaml's events.
 *
 * Plain scalars resolve as PyYAML's SafeLoader resolves them: null ~|null|Null|NULL|empty; bool
 * yes/no/true/false/on/off in lower, Title and UPPER case; int decimal, 0x, 0b, 0octal, '_',
 * base 60; float needs a dot, and a sign in its exponent; .inf .nan; timestamps stay strings.
 * `!function x` gives VALUE_FUNC; `!!null "null"` null; `!!str`, `!!int`, `!!float`, `!!bool` as
 * said; any other tag is an error.  Duplicate keys: last wins.  Merge keys and aliases work, with
 * the expanded size bounded.  Every value carries line and column. */
#ifndef YAML_H_ASSAY
#define YAML_H_ASSAY
#include "harness/base/value.h"

struct assay_err;

/* Both want exactly one document; an empty one gives value_null.
 * Errors: ASSAY_EFORMAT "path:line:col: ...", ASSAY_EIO. */
int yaml_load(const char *path, struct arena *, const struct value **out, struct assay_err *);
int yaml_parse(const char *text, size_t n, const char *where, struct arena *,
               const struct value **out, struct assay_err *);
#endif
