/* field.h - field tables: one row per setting drives YAML keys, command-line flags, plugin options,
 * help, shell completion and the record in the store.  The row itself is struct assay_field of
 * backends/backend.h; the struct it describes is plain memory at `base`. */
#ifndef FIELD_H
#define FIELD_H
#include "backends/backend.h"
#include "harness/base/value.h"

struct arena;
struct buf;

/* Sets every member to its default.  Strings are borrowed from the table. */
void field_defaults(const struct assay_field *table, void *base);
const struct assay_field *field_find(const struct assay_field *table, const char *name);
/* Parses `text` into the member; strings are copied into the arena.  `where` stands before the
 * message ("suite.yaml:3:5" or "--threads").  Errors: ASSAY_EUSAGE, with what was expected. */
int field_set(const struct assay_field *, void *base, const char *text, const char *where,
              struct arena *, struct assay_err *);
/* The same from a YAML value (scalar kinds must fit the row). */
int field_set_value(const struct assay_field *, void *base, const struct value *, const char *where,
                    struct arena *, struct assay_err *);
/* Current value as text ("" when unset). */
void field_print(const struct assay_field *, const void *base, struct buf *);
/* All members as a dict, in table order, unset ones left out. */
struct value *field_record(const struct assay_field *table, const void *base, struct arena *);

/* The candidate nearest to `name` (Damerau-Levenshtein, at most a third of its length away), or
 * NULL: for "did you mean". */
const char *field_nearest(const char *name, const char *const *candidates, size_t n);
const char *field_nearest_row(const struct assay_field *table, const char *name);
#endif
