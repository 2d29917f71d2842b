/* term.h - `assay compare` for a terminal: readable at 80 columns, no escape codes unless asked. */
#ifndef TERM_H
#define TERM_H
#include <stdbool.h>
#include "reports/compare.h"

struct buf;

struct term_options {
    bool colors;                 /* ANSI colours; never the only carrier of meaning */
    bool wide;                   /* p, MDE, margins, latencies, memory split, and every task */
};
int term_compare(const struct compare *, const struct term_options *, struct buf *);
#endif
