/* taskcode_wire.h - struct value <-> Python's marshal, format 2: what crosses the pipe of task code.
 *
 * The format keeps what JSON loses: tuples, keys that are no text, NaN and infinities.
 * What comes in is hostile: lengths are checked against what is there, depth is limited. */
#ifndef TASKCODE_WIRE_H
#define TASKCODE_WIRE_H
#include <stddef.h>
#include "harness/base/value.h"

struct arena;
struct assay_err;
struct buf;

/* Types a row can't have (undefined, functions) become None. */
void wire_write(struct buf *, const struct value *);
/* Exactly one value of n bytes; lone surrogates become U+FFFD.
 * Errors: ASSAY_EFORMAT what is wrong with the bytes; an integer of more than 64 bits. */
int wire_read(const char *p, size_t n, struct arena *, const struct value **out, struct assay_err *);
#endif
