/* csv.h - RFC 4180 rows, and the tidy long files of `assay report --csv DIR`.
 *
 * Text that a spreadsheet would take for a formula gets a leading apostrophe; numbers are locale
 * free and the shortest that read back the same; unknown is an empty field. */
#ifndef REPORTS_CSV_H
#define REPORTS_CSV_H
#include <stdint.h>
#include "reports/compare.h"

struct buf;

/* Fields of one row; each writes its own separator. */
void csv_text(struct buf *, const char *s);              /* NULL: empty */
void csv_textn(struct buf *, const char *s, size_t n);
void csv_num(struct buf *, double);                      /* NAN: empty */
void csv_int(struct buf *, int64_t);                     /* VIEW_NONE: empty */
void csv_end(struct buf *);                              /* ends the row with CR LF */

/* Makes DIR if needed and writes DIR/report.csv (run, machine, variant, task, metric, stat, value,
 * lo, hi, n, unit, source) and DIR/items.csv (run, machine, variant, task, idx, metric, filter,
 * value, weight), each whole or not at all.  Errors: ASSAY_EIO. */
int csv_export(struct view *, const struct compare *, const char *dir, struct assay_err *);
#endif
